//! Compiles the schemas of the OpenAPI document to the form that is validated at run time.
use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    format::Format,
    keywords::{Result, as_array, as_count, as_text, is_annotation, set_bound, types},
    messages::pattern_message,
    node::{AdditionalProperties, ArrayRules, Node, NodeRef, ObjectRules, OneOf, Schema, StringRules},
    pattern,
};

/// A compiler for the schemas of one document. Shared schemas are compiled once.
pub struct Compiler<'d> {
    document: &'d Value,
    references: HashMap<String, NodeRef>,
}

impl<'d> Compiler<'d> {
    pub fn new(document: &'d Value) -> Self {
        Compiler { document, references: HashMap::new() }
    }

    /// Compiles a schema.
    ///
    /// # Errors
    /// The schema has an unsupported keyword, an unknown reference, or refers to itself for the same value.
    pub fn schema(&mut self, schema: &Value) -> Result<Schema> {
        let compiled = self.node_ref(schema).and_then(|node| {
            let all = self.references.values().chain([&node]);
            all.into_iter().try_for_each(|node| check_termination(node, &mut Vec::new()))?;
            Ok(node)
        });
        if compiled.is_err() {
            // A failure leaves empty nodes behind. A later compilation must not reuse them: they accept every
            // value.
            self.references.clear();
        }
        compiled.map(Schema::from_node)
    }

    /// Returns the component that a reference names.
    pub(super) fn resolve(&self, reference: &str) -> Result<&'d Value> {
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.starts_with("/components/"));
        let found = pointer.and_then(|pointer| self.document.pointer(pointer));
        found.ok_or_else(|| format!("`{reference}` is not a component"))
    }

    fn node_ref(&mut self, schema: &Value) -> Result<NodeRef> {
        let keywords =
            schema.as_object().ok_or_else(|| format!("a schema must be an object, got {schema}"))?;
        if let Some(reference) = keywords.get("$ref") {
            let reference = as_text(reference)?;
            if keywords.keys().all(|keyword| keyword == "$ref" || is_annotation(keyword)) {
                return self.reference(reference);
            }
        }
        let node = NodeRef::default();
        let _ = node.set(self.node(keywords)?);
        Ok(node)
    }

    fn reference(&mut self, reference: &str) -> Result<NodeRef> {
        if let Some(node) = self.references.get(reference) {
            return Ok(Arc::clone(node));
        }
        let target = self.resolve(reference)?;
        let keywords = target.as_object().ok_or_else(|| format!("`{reference}` is not a schema"))?;
        // Registered before it is compiled, so that a schema can refer to itself.
        let node = NodeRef::default();
        self.references.insert(reference.to_owned(), Arc::clone(&node));
        let _ = node.set(self.node(keywords).map_err(|reason| format!("{reference}: {reason}"))?);
        Ok(node)
    }

    fn node(&mut self, keywords: &Map<String, Value>) -> Result<Node> {
        let mut node = Node::default();
        for (keyword, value) in keywords {
            self.keyword(&mut node, keywords, keyword, value)
                .map_err(|reason| format!("{keyword}: {reason}"))?;
        }
        Ok(node)
    }

    fn keyword(
        &mut self,
        node: &mut Node,
        all: &Map<String, Value>,
        keyword: &str,
        value: &Value,
    ) -> Result<()> {
        match keyword {
            "$ref" => node.all_of.push(self.reference(as_text(value)?)?),
            "type" => node.types = types(value)?,
            "enum" => node.allowed = Some(as_array(value)?.clone()),
            "const" => node.allowed = Some(vec![value.clone()]),
            "format" => node.format = Some(Format::from_name(as_text(value)?)?),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                set_bound(node.number.get_or_insert_default(), keyword, value)?;
            }
            "minLength" | "maxLength" | "pattern" => {
                Self::string_rules(node.string.get_or_insert_default(), keyword, value)?;
            }
            "items" | "minItems" | "maxItems" | "uniqueItems" => {
                self.array_rules(node.array.get_or_insert_default(), keyword, value)?;
            }
            "properties" | "required" | "additionalProperties" | "minProperties" | "maxProperties" => {
                self.object_rules(node.object.get_or_insert_default(), keyword, value)?;
            }
            "allOf" => node.all_of.extend(self.node_refs(as_array(value)?)?),
            "anyOf" => node.any_of = self.node_refs(as_array(value)?)?,
            "oneOf" => node.one_of = Some(Box::new(self.one_of(as_array(value)?, all)?)),
            "discriminator" if all.contains_key("oneOf") => {}
            other if is_annotation(other) => {}
            _ => return Err("this keyword is not supported".into()),
        }
        Ok(())
    }

    fn node_refs(&mut self, schemas: &[Value]) -> Result<Vec<NodeRef>> {
        match schemas {
            [] => Err("must have at least one schema".into()),
            schemas => schemas.iter().map(|schema| self.node_ref(schema)).collect(),
        }
    }

    fn string_rules(rules: &mut StringRules, keyword: &str, value: &Value) -> Result<()> {
        match keyword {
            "minLength" => rules.min = Some(as_count(value)?),
            "maxLength" => rules.max = Some(as_count(value)?),
            _ => {
                let source = as_text(value)?;
                rules.pattern = Some(pattern::compile(source)?);
                rules.pattern_message =
                    pattern_message(source).unwrap_or_else(|| format!("must match the pattern {source}"));
            }
        }
        Ok(())
    }

    fn array_rules(&mut self, rules: &mut ArrayRules, keyword: &str, value: &Value) -> Result<()> {
        match keyword {
            "minItems" => rules.min = Some(as_count(value)?),
            "maxItems" => rules.max = Some(as_count(value)?),
            "uniqueItems" => rules.unique = value.as_bool().ok_or("must be a boolean")?,
            _ => rules.items = Some(self.node_ref(value)?),
        }
        Ok(())
    }

    fn object_rules(&mut self, rules: &mut ObjectRules, keyword: &str, value: &Value) -> Result<()> {
        match (keyword, value) {
            ("minProperties", _) => rules.min = Some(as_count(value)?),
            ("maxProperties", _) => rules.max = Some(as_count(value)?),
            ("additionalProperties", Value::Bool(allowed)) => {
                rules.additional =
                    if *allowed { AdditionalProperties::Allowed } else { AdditionalProperties::Forbidden };
            }
            ("additionalProperties", _) => {
                rules.additional = AdditionalProperties::Schema(self.node_ref(value)?)
            }
            ("required", _) => {
                let names = as_array(value)?.iter().map(as_text);
                rules.required = names.map(|name| name.map(str::to_owned)).collect::<Result<_>>()?;
            }
            _ => {
                for (name, schema) in value.as_object().ok_or("must be an object")? {
                    let node = self.node_ref(schema).map_err(|reason| format!("{name}: {reason}"))?;
                    rules.properties.push((name.clone(), node));
                }
                rules.properties.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
        }
        Ok(())
    }

    fn one_of(&mut self, branches: &[Value], keywords: &Map<String, Value>) -> Result<OneOf> {
        let discriminator = keywords.get("discriminator").ok_or("needs a discriminator")?;
        let property = discriminator.get("propertyName").and_then(Value::as_str);
        let mapping = discriminator.get("mapping").and_then(Value::as_object);
        let (Some(property), Some(mapping)) = (property, mapping) else {
            return Err("its discriminator needs a propertyName and a mapping".into());
        };
        let references: Vec<&str> =
            branches.iter().filter_map(|branch| branch.get("$ref").and_then(Value::as_str)).collect();
        let targets: Vec<&str> = mapping.values().filter_map(Value::as_str).collect();
        let same = |a: &[&str], b: &[&str]| a.iter().all(|one| b.contains(one));
        if references.len() != branches.len() || !same(&references, &targets) || !same(&targets, &references)
        {
            return Err(
                "every branch must be a $ref in the mapping, and every entry of the mapping must be a branch"
                    .into(),
            );
        }
        let mut one_of = OneOf { property: property.to_owned(), branches: Vec::new() };
        for (value, target) in mapping {
            one_of.branches.push((value.clone(), self.reference(as_text(target)?)?));
        }
        Ok(one_of)
    }
}

/// Rejects a schema that applies itself to the same value: its validation would not terminate.
fn check_termination(node_ref: &NodeRef, path: &mut Vec<*const ()>) -> Result<()> {
    let current = Arc::as_ptr(node_ref).cast::<()>();
    if path.contains(&current) {
        return Err("a schema refers to itself for the same value".into());
    }
    path.push(current);
    if let Some(node) = node_ref.get() {
        let branches = node.one_of.iter().flat_map(|one_of| one_of.branches.iter().map(|(_, node)| node));
        for child in node.all_of.iter().chain(&node.any_of).chain(branches) {
            check_termination(child, path)?;
        }
    }
    path.pop();
    Ok(())
}
