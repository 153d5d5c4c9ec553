//! The projection to OpenAPI 3.0.3, for tools that do not support 3.1.
use serde_json::{Map, Value, json};

use super::prune;

/// Converts the OpenAPI 3.1 document to 3.0.3.
pub fn to_openapi_30(document: &Value) -> Value {
    let mut projected = document.clone();
    projected["openapi"] = json!("3.0.3");
    if let Some(info) = projected["info"].as_object_mut() {
        info.remove("summary");
    }
    // Webhooks were introduced in 3.1.
    if let Some(document) = projected.as_object_mut() {
        document.shift_remove("webhooks");
    }
    prune::remove_unused(&mut projected);
    convert(&mut projected);
    if let Some(paths) = projected["paths"].as_object_mut() {
        for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
            remove_scopes(operation);
        }
    }
    projected
}

/// Removes scopes: OpenAPI 3.0 allows them for OAuth 2 and OpenID Connect only.
fn remove_scopes(operation: &mut Value) {
    let alternatives = operation.get_mut("security").and_then(Value::as_array_mut);
    for alternative in alternatives.into_iter().flatten().filter_map(Value::as_object_mut) {
        alternative.values_mut().for_each(|scopes| *scopes = json!([]));
    }
}

fn convert(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.values_mut().for_each(convert);
            nullable_type(object);
            nullable_reference(object);
            wrap_reference(object);
        }
        Value::Array(items) => items.iter_mut().for_each(convert),
        _ => {}
    }
}

fn nullable_type(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get("type") else { return };
    let kind = types.iter().find(|kind| **kind != json!("null")).cloned();
    if let Some(kind) = kind {
        object.insert("type".into(), kind);
        object.insert("nullable".into(), json!(true));
    }
}

fn nullable_reference(object: &mut Map<String, Value>) {
    let Some(Value::Array(parts)) = object.get("anyOf") else { return };
    let null = |part: &Value| part.get("nullable").is_none() && part["type"] == json!("null");
    if parts.len() == 2 && parts.iter().any(null) {
        let others: Vec<Value> = parts.iter().filter(|part| !null(part)).cloned().collect();
        object.remove("anyOf");
        object.insert("allOf".into(), json!(others));
        object.insert("nullable".into(), json!(true));
    }
}

/// Moves a reference with siblings into `allOf`: in OpenAPI 3.0 the siblings of a reference are ignored.
fn wrap_reference(object: &mut Map<String, Value>) {
    if object.len() < 2 || !object.get("$ref").is_some_and(Value::is_string) {
        return;
    }
    if let Some(reference) = object.remove("$ref") {
        object.insert("allOf".into(), json!([{ "$ref": reference }]));
    }
}
