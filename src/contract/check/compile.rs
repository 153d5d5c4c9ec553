//! From the document's JSON to what is checked at run time.
use std::{collections::HashMap, sync::Arc};

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    format::Format,
    keyword::{Result, as_array, as_count, as_text, is_annotation, set_bound, types},
    pattern,
    schema::{List, Members, Node, Rest, Schema, Slot, Text, Union},
    words::words,
};

/// Compiles the schemas of one document; what they share is compiled once.
pub struct Compiler<'d> {
    document: &'d Value,
    named: HashMap<String, Slot>,
    patterns: HashMap<String, Regex>,
}

impl<'d> Compiler<'d> {
    pub fn new(document: &'d Value) -> Self {
        Compiler { document, named: HashMap::new(), patterns: HashMap::new() }
    }

    pub fn schema(&mut self, schema: &Value) -> Result<Schema> {
        let compiled = self.slot(schema).and_then(|slot| {
            let named = self.named.values().chain([&slot]);
            named.into_iter().try_for_each(|slot| ends(slot, &mut Vec::new()))?;
            Ok(slot)
        });
        if compiled.is_err() {
            // What the failure left half done must not be found, and pass everything, later.
            self.named.clear();
        }
        compiled.map(Schema::of)
    }

    /// What a reference names, as the document has it.
    pub(super) fn resolve(&self, reference: &str) -> Result<&'d Value> {
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.starts_with("/components/"));
        let found = pointer.and_then(|pointer| self.document.pointer(pointer));
        found.ok_or_else(|| format!("`{reference}` names no component"))
    }

    fn slot(&mut self, schema: &Value) -> Result<Slot> {
        let keywords = schema.as_object().ok_or_else(|| format!("a schema is an object, not {schema}"))?;
        if let Some(reference) = keywords.get("$ref") {
            let reference = as_text(reference)?;
            if keywords.keys().all(|keyword| keyword == "$ref" || is_annotation(keyword)) {
                return self.reference(reference);
            }
        }
        let slot = Slot::default();
        let _ = slot.set(self.node(keywords)?);
        Ok(slot)
    }

    fn reference(&mut self, reference: &str) -> Result<Slot> {
        if let Some(slot) = self.named.get(reference) {
            return Ok(Arc::clone(slot));
        }
        let target = self.resolve(reference)?;
        let keywords = target.as_object().ok_or_else(|| format!("`{reference}` is not a schema"))?;
        let slot = Slot::default();
        self.named.insert(reference.to_owned(), Arc::clone(&slot));
        let _ = slot.set(self.node(keywords).map_err(|why| format!("{reference}: {why}"))?);
        Ok(slot)
    }

    fn node(&mut self, keywords: &Map<String, Value>) -> Result<Node> {
        let mut node = Node::default();
        for (keyword, value) in keywords {
            self.keyword(&mut node, keywords, keyword, value).map_err(|why| format!("{keyword}: {why}"))?;
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
            "$ref" => node.all.push(self.reference(as_text(value)?)?),
            "type" => node.types = types(value)?,
            "enum" => node.only = Some(as_array(value)?.clone()),
            "const" => node.only = Some(vec![value.clone()]),
            "format" => node.format = Some(Format::named(as_text(value)?)?),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                set_bound(node.number.get_or_insert_default(), keyword, value)?;
            }
            "minLength" | "maxLength" | "pattern" => {
                self.text(node.text.get_or_insert_default(), keyword, value)?;
            }
            "items" | "minItems" | "maxItems" | "uniqueItems" => {
                self.list(node.list.get_or_insert_default(), keyword, value)?;
            }
            "properties" | "required" | "additionalProperties" | "minProperties" | "maxProperties" => {
                self.members(node.members.get_or_insert_default(), keyword, value)?;
            }
            "allOf" => node.all.extend(self.slots(as_array(value)?)?),
            "anyOf" => node.any = self.slots(as_array(value)?)?,
            "oneOf" => node.one = Some(Box::new(self.union(as_array(value)?, all)?)),
            "discriminator" if all.contains_key("oneOf") => {}
            other if is_annotation(other) => {}
            _ => return Err("this keyword is not enforced".into()),
        }
        Ok(())
    }

    fn slots(&mut self, schemas: &[Value]) -> Result<Vec<Slot>> {
        match schemas {
            [] => Err("needs at least one schema".into()),
            schemas => schemas.iter().map(|schema| self.slot(schema)).collect(),
        }
    }

    fn text(&mut self, text: &mut Text, keyword: &str, value: &Value) -> Result<()> {
        match keyword {
            "minLength" => text.min = Some(as_count(value)?),
            "maxLength" => text.max = Some(as_count(value)?),
            _ => {
                let shown = as_text(value)?;
                if !self.patterns.contains_key(shown) {
                    self.patterns.insert(shown.to_owned(), pattern::compile(shown)?);
                }
                text.pattern = self.patterns.get(shown).cloned();
                text.asks = words(shown).unwrap_or_else(|| format!("must match the pattern {shown}"));
            }
        }
        Ok(())
    }

    fn list(&mut self, list: &mut List, keyword: &str, value: &Value) -> Result<()> {
        match keyword {
            "minItems" => list.min = Some(as_count(value)?),
            "maxItems" => list.max = Some(as_count(value)?),
            "uniqueItems" => list.unique = value.as_bool().ok_or("is not a boolean")?,
            _ => list.items = Some(self.slot(value)?),
        }
        Ok(())
    }

    fn members(&mut self, members: &mut Members, keyword: &str, value: &Value) -> Result<()> {
        match (keyword, value) {
            ("minProperties", _) => members.min = Some(as_count(value)?),
            ("maxProperties", _) => members.max = Some(as_count(value)?),
            ("additionalProperties", Value::Bool(open)) => {
                members.rest = if *open { Rest::Open } else { Rest::Closed };
            }
            ("additionalProperties", _) => members.rest = Rest::Each(self.slot(value)?),
            ("required", _) => {
                let names = as_array(value)?.iter().map(as_text);
                members.required = names.map(|name| name.map(str::to_owned)).collect::<Result<_>>()?;
            }
            _ => {
                for (name, schema) in value.as_object().ok_or("is not an object")? {
                    let slot = self.slot(schema).map_err(|why| format!("{name}: {why}"))?;
                    members.known.push((name.clone(), slot));
                }
                members.known.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
        }
        Ok(())
    }

    fn union(&mut self, branches: &[Value], keywords: &Map<String, Value>) -> Result<Union> {
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
                "every branch has to be a $ref that the mapping names, and the other way round".into()
            );
        }
        let mut union = Union { property: property.to_owned(), branches: Vec::new() };
        for (value, target) in mapping {
            union.branches.push((value.clone(), self.reference(as_text(target)?)?));
        }
        Ok(union)
    }
}

/// A schema that applies itself to the same value would never come to an end.
fn ends(slot: &Slot, trail: &mut Vec<*const ()>) -> Result<()> {
    let here = Arc::as_ptr(slot).cast::<()>();
    if trail.contains(&here) {
        return Err("a schema refers to itself for the same value".into());
    }
    trail.push(here);
    if let Some(node) = slot.get() {
        let union = node.one.iter().flat_map(|union| union.branches.iter().map(|(_, slot)| slot));
        for below in node.all.iter().chain(&node.any).chain(union) {
            ends(below, trail)?;
        }
    }
    trail.pop();
    Ok(())
}
