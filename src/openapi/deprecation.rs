//! Deprecated operations: converts the metadata of the response type to `deprecated`, to the extension
//! `x-deprecation`, which the server reads, and to headers of every response.
use serde_json::{Map, Value, json};

use crate::http::deprecation::METADATA_HEADER;

/// Sets `deprecated` and `x-deprecation` if the response type has deprecation metadata.
pub fn set(operation: &mut Value) {
    let responses = operation["responses"].as_object().into_iter().flat_map(Map::values);
    let metadata =
        responses.filter_map(|response| response["headers"][METADATA_HEADER]["description"].as_str()).next();
    let metadata: Option<Value> = metadata.and_then(|text| serde_json::from_str(text).ok());
    if let Some(metadata) = metadata {
        operation["deprecated"] = json!(true);
        operation["x-deprecation"] = metadata;
    }
}

/// Returns the name of the shared response for deprecated operations.
pub fn response_name(name: &str) -> String {
    format!("{name}Deprecated")
}

/// Adds the deprecation headers to all responses of a deprecated operation.
pub fn add_headers_to_responses(operation: &mut Value) {
    if operation.get("x-deprecation").is_none() {
        return;
    }
    let responses = operation["responses"].as_object_mut().into_iter().flatten();
    // 414 and 431 are returned before the request is routed to an operation.
    for (_, response) in responses.filter(|(status, _)| !["414", "431"].contains(&status.as_str())) {
        match response["$ref"].as_str() {
            Some(reference) => *response = json!({ "$ref": response_name(reference) }),
            None => add_headers(response),
        }
    }
}

/// Adds the deprecation headers to one response.
pub fn add_headers(response: &mut Value) {
    let Some(headers) = response["headers"].as_object_mut() else { return };
    for (name, component) in
        [(METADATA_HEADER, METADATA_HEADER), ("Sunset", "Sunset"), ("Link", "Link.deprecated")]
    {
        headers.entry(name).or_insert(json!({ "$ref": format!("#/components/headers/{component}") }));
    }
}
