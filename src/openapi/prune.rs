//! Removes unused components.
use std::collections::BTreeSet;

use serde_json::Value;

const KINDS: [&str; 4] = ["schemas", "responses", "headers", "parameters"];

/// Removes the components that no path or webhook references, directly or indirectly.
pub fn remove_unused(document: &mut Value) {
    let mut seen = BTreeSet::new();
    let mut pending: Vec<String> = Vec::new();
    for part in ["paths", "webhooks"] {
        collect_references(document.get(part).unwrap_or(&Value::Null), &mut pending);
    }
    while let Some(reference) = pending.pop() {
        if !seen.insert(reference.clone()) {
            continue;
        }
        let pointer = reference.trim_start_matches('#');
        if let Some(target) = document.pointer(pointer) {
            collect_references(target, &mut pending);
        }
    }
    for kind in KINDS {
        if let Some(parts) = document["components"][kind].as_object_mut() {
            parts.retain(|name, _| seen.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}

pub fn collect_references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                match (key.as_str(), field) {
                    ("$ref", Value::String(reference)) => into.push(reference.clone()),
                    _ => collect_references(field, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}
