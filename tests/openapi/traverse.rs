//! Iterates over the operations and schemas of an OpenAPI document.
use serde_json::Value;

/// An operation and its path.
pub struct Operation<'a> {
    pub path: &'a str,
    pub verb: &'a str,
    pub item: &'a Value,
    /// The operation object.
    pub object: &'a Value,
}

impl Operation<'_> {
    pub fn id(&self) -> &str {
        self.object["operationId"].as_str().unwrap_or("?")
    }

    pub fn has_response(&self, status: &str) -> bool {
        self.object["responses"].get(status).is_some()
    }

    /// Returns the parameters of the operation and of its path, with references resolved.
    pub fn parameters<'d>(&'d self, document: &'d Value) -> Vec<&'d Value> {
        let of = |value: &'d Value| value.as_array().into_iter().flatten();
        of(&self.item["parameters"])
            .chain(of(&self.object["parameters"]))
            .map(|p| resolve(document, p))
            .collect()
    }

    pub fn has_parameter(&self, document: &Value, name: &str) -> bool {
        self.parameters(document).iter().any(|parameter| parameter["name"] == name)
    }
}

pub fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (verb, object) in item.as_object().into_iter().flatten().filter(|(verb, _)| *verb != "parameters")
        {
            found.push(Operation { path, verb, item, object });
        }
    }
    found
}

/// Resolves a `$ref`.
pub fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => value,
    }
}

/// Calls `f` with the pointer and the value of every object in a value.
pub fn visit(value: &Value, at: &str, f: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            f(at, value);
            for (name, field) in fields.iter().filter(|(name, _)| !is_data(name)) {
                visit(field, &format!("{at}/{name}"), f);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| visit(item, &format!("{at}/{i}"), f));
        }
        _ => {}
    }
}

/// Whether a field of this name contains data instead of a part of the document.
fn is_data(name: &str) -> bool {
    matches!(name, "example" | "examples" | "default" | "enum")
}

/// Returns every schema of components, parameters, headers and media types, and their subschemas, with pointers.
pub fn schemas(document: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    collect(document, "", &mut found);
    found
}

fn collect<'d>(value: &'d Value, at: &str, found: &mut Vec<(String, &'d Value)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter().filter(|(name, _)| !is_data(name)) {
                let here = format!("{at}/{name}");
                match (name.as_str(), field) {
                    ("schema", Value::Object(_)) => schema(field, &here, found),
                    ("schemas", Value::Object(all)) => {
                        all.iter().for_each(|(name, one)| schema(one, &format!("{here}/{name}"), found));
                    }
                    _ => collect(field, &here, found),
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
    for (name, inner) in value["properties"].as_object().into_iter().flatten() {
        schema(inner, &format!("{at}/{name}"), found);
    }
}
