//! Deprecated operations: the headers of their responses.
use serde_json::{Value, json};

/// Returns the name of the shared response for deprecated operations.
pub fn response_name(name: &str) -> String {
    format!("{name}Deprecated")
}

/// Adds the deprecation headers to all responses of a deprecated operation.
pub fn add_headers_to_responses(operation: &mut Value) {
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
        [("Deprecation", "Deprecation"), ("Sunset", "Sunset"), ("Link", "Link.deprecated")]
    {
        headers.entry(name).or_insert(json!({ "$ref": format!("#/components/headers/{component}") }));
    }
}
