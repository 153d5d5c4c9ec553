//! A compiled schema: what a value has to be, in the form in which it is checked.
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
    place::At,
    violation::{Violation, one_of},
    walk::Walk,
};

/// A schema of the document with everything that it refers to. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Slot);

impl Schema {
    /// Fails on a keyword that is not enforced, so that the document never promises more than is held.
    pub fn compile(document: &Value, schema: &Value) -> Result<Schema, String> {
        Compiler::new(document).schema(schema)
    }

    pub(super) fn of(slot: Slot) -> Self {
        Schema(slot)
    }

    /// Adds every violation; `at` is where the value stands, `#` for a body.
    pub fn check(&self, value: &Value, at: &str, out: &mut Vec<Violation>) {
        self.check_at(value, &At::Body(at), out);
    }

    pub(super) fn check_at(&self, value: &Value, at: &At<'_>, out: &mut Vec<Violation>) {
        let mut walk = Walk { out };
        walk.nul(value, at);
        walk.slot(&self.0, value, at);
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

/// A place for a node, so that a schema can stand below itself; filled when compiling ends. A schema that
/// does so is never freed, which is right for a document that lives as long as the process.
pub(super) type Slot = Arc<OnceLock<Node>>;

#[derive(Default)]
pub(super) struct Node {
    pub types: Types,
    /// `enum` and `const`.
    pub only: Option<Vec<Value>>,
    pub format: Option<Format>,
    pub number: Option<Box<Numbers>>,
    pub text: Option<Box<Text>>,
    pub list: Option<Box<List>>,
    pub members: Option<Box<Members>>,
    pub all: Vec<Slot>,
    pub any: Vec<Slot>,
    pub one: Option<Box<Union>>,
}

#[derive(Default)]
pub(super) struct Numbers {
    pub min: Option<Number>,
    pub max: Option<Number>,
    pub above: Option<Number>,
    pub below: Option<Number>,
    pub multiple_of: Option<Number>,
}

#[derive(Default)]
pub(super) struct Text {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub pattern: Option<Regex>,
    /// What the pattern asks for.
    pub asks: String,
}

#[derive(Default)]
pub(super) struct List {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub unique: bool,
    pub items: Option<Slot>,
}

impl List {
    /// Where an item stands that stood before. Up to a few, comparing every two is quicker than hashing.
    pub fn repeated(items: &[Value]) -> Vec<usize> {
        if items.len() <= 8 {
            return (1..items.len()).filter(|i| items[..*i].contains(&items[*i])).collect();
        }
        let mut seen = HashSet::with_capacity(items.len());
        (0..items.len()).filter(|i| !seen.insert(&items[*i])).collect()
    }
}

#[derive(Default)]
pub(super) struct Members {
    pub min: Option<u64>,
    pub max: Option<u64>,
    pub required: Vec<String>,
    /// Sorted by name.
    pub known: Vec<(String, Slot)>,
    pub rest: Rest,
}

impl Members {
    pub fn get(&self, name: &str) -> Option<&Slot> {
        let found = self.known.binary_search_by(|(known, _)| known.as_str().cmp(name));
        found.ok().and_then(|i| self.known.get(i)).map(|(_, slot)| slot)
    }
}

/// `additionalProperties`.
#[derive(Default)]
pub(super) enum Rest {
    #[default]
    Open,
    Closed,
    Each(Slot),
}

/// `oneOf`, told apart by one member.
pub(super) struct Union {
    pub property: String,
    pub branches: Vec<(String, Slot)>,
}

/// A set of JSON's types; the empty set is no constraint.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Types(u8);

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

    pub fn or(self, other: Types) -> Types {
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

    pub fn words(self) -> String {
        let words: Vec<&str> =
            (0..NAMES.len()).filter(|bit| self.0 & (1 << bit) != 0).map(|bit| NAMES[bit].1).collect();
        one_of(words.iter())
    }
}

fn is_integer(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

pub(super) fn kind_of(value: &Value) -> &'static str {
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
