//! Operations on their way out: what their answers' type says of the end becomes `deprecated`, the extension
//! `x-deprecation` that the edge answers with, and header fields of every answer.
use serde_json::{Map, Value, json};

use crate::contract::deprecated::CARRIER;

/// Notes the end that the answers' type tells of, if it does.
pub fn note(operation: &mut Value) {
    let responses = operation["responses"].as_object().into_iter().flat_map(Map::values);
    let words = responses.filter_map(|response| response["headers"][CARRIER]["description"].as_str()).next();
    let words: Option<Value> = words.and_then(|words| serde_json::from_str(words).ok());
    if let Some(words) = words {
        operation["deprecated"] = json!(true);
        operation["x-deprecation"] = words;
    }
}

/// The shared response of this name, for operations that end.
pub fn response_name(name: &str) -> String {
    format!("{name}Deprecated")
}

/// Gives the answers of an operation that ends the header fields that say so.
pub fn mark(operation: &mut Value) {
    if operation.get("x-deprecation").is_none() {
        return;
    }
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    // What is too long is refused before anybody knows which operation is meant.
    for (_, response) in responses.filter(|(status, _)| !["414", "431"].contains(&status.as_str())) {
        match response["$ref"].as_str() {
            Some(reference) => *response = json!({ "$ref": response_name(reference) }),
            None => fields(response),
        }
    }
}

/// Adds the header fields to one answer.
pub fn fields(response: &mut Value) {
    let Some(headers) = response["headers"].as_object_mut() else { return };
    for (field, header) in [(CARRIER, CARRIER), ("Sunset", "Sunset"), ("Link", "Link.deprecated")] {
        headers.entry(field).or_insert(json!({ "$ref": format!("#/components/headers/{header}") }));
    }
}
