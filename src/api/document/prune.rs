//! Drops the components that nothing in the document names.
use std::collections::BTreeSet;

use serde_json::Value;

const KINDS: [&str; 4] = ["schemas", "responses", "headers", "parameters"];

pub fn unused(document: &mut Value) {
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = Vec::new();
    for part in ["paths", "webhooks"] {
        references(document.get(part).unwrap_or(&Value::Null), &mut open);
    }
    while let Some(reference) = open.pop() {
        if !seen.insert(reference.clone()) {
            continue;
        }
        let pointer = reference.trim_start_matches('#');
        if let Some(target) = document.pointer(pointer) {
            references(target, &mut open);
        }
    }
    for kind in KINDS {
        if let Some(parts) = document["components"][kind].as_object_mut() {
            parts.retain(|name, _| seen.contains(&format!("#/components/{kind}/{name}")));
        }
    }
}

fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match (key.as_str(), member) {
                    ("$ref", Value::String(reference)) => into.push(reference.clone()),
                    _ => references(member, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}
