//! Compiled schemas.
use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, OnceLock},
};

use regex::Regex;
use serde_json::{Number, Value};

use super::{
    compile::Compiler,
    format::Format,
    pointer::InstancePath,
    validate::Validator,
    violation::{Violation, join_or},
};

/// A compiled schema with all schemas that it refers to. Cheap to clone.
#[derive(Clone)]
pub struct Schema(NodeRef);

impl Schema {
    /// Compiles a schema of `document`.
    ///
    /// # Errors
    /// Returns an error if the schema has an unsupported keyword, so that the OpenAPI document states no rule
    /// that is not enforced.
    pub fn compile(document: &Value, schema: &Value) -> Result<Schema, String> {
        Compiler::new(document).schema(schema)
    }

    pub(super) fn from_node(node: NodeRef) -> Self {
        Schema(node)
    }

    /// Validates a value and appends all violations. `pointer` is the location of the value, `#` for a body.
    pub fn validate(&self, value: &Value, pointer: &str, out: &mut Vec<Violation>) {
        self.check_at(value, &InstancePath::Body(pointer), out);
    }

    pub(super) fn check_at(&self, value: &Value, at: &InstancePath<'_>, out: &mut Vec<Violation>) {
        let mut validator = Validator { out };
        validator.reject_nul(value, at);
        validator.validate(&self.0, value, at);
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// A reference to a node that is initialized when its compilation ends, so that a schema can contain itself.
/// Such a cycle of `Arc`s is never freed, which is acceptable for a document that lives as long as the
/// process.
pub(super) type NodeRef = Arc<OnceLock<Node>>;

#[derive(Default)]
pub(super) struct Node {
    pub types: Types,
    /// The values of `enum` or `const`.
    pub allowed: Option<Vec<Value>>,
    pub format: Option<Format>,
    pub number: Option<Box<NumberRules>>,
    pub string: Option<Box<StringRules>>,
    pub array: Option<Box<ArrayRules>>,
    pub object: Option<Box<ObjectRules>>,
    pub all_of: Vec<NodeRef>,
    pub any_of: Vec<NodeRef>,
    pub one_of: Option<Box<OneOf>>,
}

#[derive(Default)]
pub(super) struct NumberRules {
    pub min: Option<Number>,
    pub max: Option<Number>,
    pub exclusive_min: Option<Number>,
    pub exclusive_max: Option<Number>,
    pub multiple_of: Option<Number>,
}

#[derive(Default)]
pub(super) struct StringRules {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub pattern: Option<Regex>,
    /// The message for values that do not match the pattern.
    pub pattern_message: String,
}

#[derive(Default)]
pub(super) struct ArrayRules {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub unique: bool,
    pub items: Option<NodeRef>,
}

impl ArrayRules {
    /// Returns the indices of items that repeat an earlier item. For up to 8 items, comparing all pairs is
    /// faster than hashing.
    pub fn duplicates(items: &[Value]) -> Vec<usize> {
        if items.len() <= 8 {
            return (1..items.len()).filter(|i| items[..*i].contains(&items[*i])).collect();
        }
        let mut seen = HashSet::with_capacity(items.len());
        (0..items.len()).filter(|i| !seen.insert(&items[*i])).collect()
    }
}

#[derive(Default)]
pub(super) struct ObjectRules {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub required: Vec<String>,
    /// The properties, sorted by name.
    pub properties: Vec<(String, NodeRef)>,
    pub additional: AdditionalProperties,
}

impl ObjectRules {
    pub fn get(&self, name: &str) -> Option<&NodeRef> {
        let found = self.properties.binary_search_by(|(known, _)| known.as_str().cmp(name));
        found.ok().and_then(|i| self.properties.get(i)).map(|(_, node)| node)
    }
}

/// The value of `additionalProperties`.
#[derive(Default)]
pub(super) enum AdditionalProperties {
    #[default]
    Allowed,
    Forbidden,
    Schema(NodeRef),
}

/// `oneOf` with a discriminator property.
pub(super) struct OneOf {
    pub property: String,
    pub branches: Vec<(String, NodeRef)>,
}

/// A set of JSON types, one bit per entry of [`NAMES`]. The empty set allows all types.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Types(u8);

/// The name of each type in schemas, and in messages.
const NAMES: [(&str, &str); 7] = [
    ("null", "null"),
    ("boolean", "true or false"),
    ("integer", "an integer"),
    ("number", "a number"),
    ("string", "a string"),
    ("array", "an array"),
    ("object", "an object"),
];

impl Types {
    pub fn add(&mut self, name: &str) -> Result<(), String> {
        let bit = NAMES.iter().position(|(known, _)| *known == name);
        self.0 |= 1 << bit.ok_or_else(|| format!("`{name}` is not a type"))?;
        Ok(())
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn union(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    pub fn allow(self, value: &Value) -> bool {
        let bits = match value {
            Value::Null => 1,
            Value::Bool(_) => 1 << 1,
            Value::Number(number) if is_integer(number) => 1 << 2 | 1 << 3,
            Value::Number(_) => 1 << 3,
            Value::String(_) => 1 << 4,
            Value::Array(_) => 1 << 5,
            Value::Object(_) => 1 << 6,
        };
        self.is_empty() || self.0 & bits != 0
    }

    /// Returns the names of the types for a message, such as `null or a string`.
    pub fn description(self) -> String {
        let names: Vec<&str> =
            (0..NAMES.len()).filter(|bit| self.0 & (1 << bit) != 0).map(|bit| NAMES[bit].1).collect();
        join_or(names.iter())
    }
}

fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// Returns the type of a value for a message, such as `an integer`.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if is_integer(number) => "an integer",
        Value::Number(_) => "a number with a fraction",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
