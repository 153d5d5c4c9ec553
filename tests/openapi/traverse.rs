//! Ways through the document.
use serde_json::{Map, Value};

/// One operation with its path.
pub struct Operation<'a> {
    pub path: &'a str,
    pub verb: &'a str,
    pub item: &'a Value,
    pub written: &'a Value,
}

impl Operation<'_> {
    pub fn id(&self) -> &str {
        self.written["operationId"].as_str().unwrap_or("?")
    }

    pub fn answers(&self, status: &str) -> bool {
        self.written["responses"].get(status).is_some()
    }

    /// Parameters of the operation and of its path, references followed.
    pub fn parameters<'d>(&'d self, document: &'d Value) -> Vec<&'d Value> {
        let of = |value: &'d Value| value.as_array().into_iter().flatten();
        of(&self.item["parameters"])
            .chain(of(&self.written["parameters"]))
            .map(|p| follow(document, p))
            .collect()
    }

    pub fn takes(&self, document: &Value, name: &str) -> bool {
        self.parameters(document).iter().any(|parameter| parameter["name"] == name)
    }
}

pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (verb, written) in
            item.as_object().into_iter().flatten().filter(|(verb, _)| *verb != "parameters")
        {
            found.push(Operation { path, verb, item, written });
        }
    }
    found
}

pub fn follow<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}

/// Every object in a value, with its place.
pub fn visit(value: &Value, at: &str, f: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            f(at, value);
            for (name, member) in members.iter().filter(|(name, _)| !is_data(name)) {
                visit(member, &format!("{at}/{name}"), f);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| visit(item, &format!("{at}/{i}"), f));
        }
        _ => {}
    }
}

/// Members that hold data and no part of the document.
fn is_data(name: &str) -> bool {
    matches!(name, "example" | "examples" | "default" | "enum")
}

/// Every schema in the document: those of components, parameters, headers and media types, and all inside them.
pub fn schemas(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(document, "", &mut found);
    found
}

fn collect<'d>(value: &'d Value, at: &str, found: &mut Vec<(String, &'d Value)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !is_data(name)) {
                let here = format!("{at}/{name}");
                match (name.as_str(), member) {
                    ("schema", Value::Object(_)) => schema(member, &here, found),
                    ("schemas", Value::Object(all)) => {
                        all.iter().for_each(|(name, one)| schema(one, &format!("{here}/{name}"), found));
                    }
                    _ => collect(member, &here, found),
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| collect(item, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

fn schema<'d>(value: &'d Value, at: &str, found: &mut Vec<(String, &'d Value)>) {
    found.push((at.to_owned(), value));
    let parts = |key: &str| value[key].as_array().into_iter().flatten();
    for part in parts("oneOf").chain(parts("anyOf")).chain(parts("allOf")) {
        schema(part, &format!("{at}/of"), found);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = value.get(key).filter(|inner| inner.is_object()) {
            schema(inner, &format!("{at}/{key}"), found);
        }
    }
    for (name, inner) in value["properties"].as_object().unwrap_or(&Map::new()) {
        let inner_at = format!("{at}/{name}");
        if let Some(inner) = value["properties"].get(name) {
            schema(inner, &inner_at, found);
        }
        let _ = inner;
    }
}
