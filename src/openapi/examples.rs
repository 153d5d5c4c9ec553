//! Copies the examples of types to their properties and to the bodies that contain them.
use serde_json::{Map, Value, json};

/// Adds examples to all properties, request bodies and responses.
pub fn fill(document: &mut Value) {
    let Some(mut schemas) = document["components"]["schemas"].as_object().cloned() else { return };
    pages(&mut schemas);
    for schema in schemas.values_mut() {
        properties(schema);
    }
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for operation in paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(content) = operation.pointer_mut("/requestBody/content") {
            media(content, &schemas);
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut) {
            if let Some(content) = response.get_mut("content") {
                media(content, &schemas);
            }
        }
    }
    document["components"]["schemas"] = Value::Object(schemas);
}

/// Adds the examples of pages, with one item each.
fn pages(schemas: &mut Map<String, Value>) {
    let names: Vec<String> = schemas.keys().filter(|name| name.ends_with("Page")).cloned().collect();
    for name in names {
        let entry = schemas[&name]["properties"]["data"]["items"]["$ref"]
            .as_str()
            .and_then(|reference| reference.rsplit('/').next())
            .and_then(|entry| schemas.get(entry))
            .and_then(|entry| entry.get("example"))
            .cloned();
        if let Some(entry) = entry {
            let pagination = json!({ "page": 1, "limit": 10, "total": 1, "pages": 1 });
            schemas[&name]["example"] = json!({ "data": [entry], "pagination": pagination });
        }
    }
}

fn properties(schema: &mut Value) {
    let Some(example) = schema.get("example").cloned() else { return };
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        let (Some(property), Some(value)) = (property.as_object_mut(), example.get(name)) else { continue };
        if !property.contains_key("$ref") {
            property.entry("example").or_insert(value.clone());
        }
    }
}

fn media(content: &mut Value, schemas: &Map<String, Value>) {
    for media in content.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let example = media["schema"]["$ref"]
            .as_str()
            .and_then(|reference| reference.rsplit('/').next())
            .and_then(|name| schemas.get(name))
            .and_then(|schema| schema.get("example"))
            .cloned()
            .or_else(|| media["schema"].get("example").cloned());
        if let (Some(example), Some(media)) = (example, media.as_object_mut()) {
            media.entry("example").or_insert(example);
        }
    }
}
