//! Generates the OpenAPI 3.1 document from poem-openapi's registry, and its projection to 3.0.3.
//!
//! Request validation is compiled from the same value, so the served document is the one that is enforced.
mod components;
mod deprecation;
mod examples;
mod headers;
mod oas30;
mod operation;
mod prune;
mod publish;
mod schema;
mod webhooks;

use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};
use serde_json::{Map, Value, json};

pub use oas30::to_openapi_30;
pub use publish::publish;

/// Generates the OpenAPI 3.1 document of an API.
pub fn document<T: OpenApi>(info: Value, tags: &[(&str, &str)]) -> Value {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut components = components::new(schemas(&registry));
    let paths = operation::paths(merge_paths(T::meta()), &mut components);
    let webhooks = webhooks::add(&mut components);
    let tags: Vec<Value> =
        tags.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info,
        "externalDocs": {
            "description": "The user documentation",
            "url": "https://github.com/tenon-api/tenon/tree/main/docs"
        },
        "servers": [{
            "url": "/",
            "description": "This service",
            "x-internal": false
        }],
        "security": [{ "bearer_jwt": [] }, { "session_cookie": [] }, { "api_key": [] }],
        "tags": tags,
        "paths": paths,
        "webhooks": webhooks,
        "components": Value::Object(components),
    });
    prune::remove_unused(&mut document);
    examples::fill(&mut document);
    document
}

/// Merges the operations of all implementations by path.
fn merge_paths(apis: Vec<MetaApi>) -> Vec<(String, Map<String, Value>)> {
    let mut paths: Vec<(String, Map<String, Value>)> = Vec::new();
    for path in apis.into_iter().flat_map(|api| api.paths) {
        let index = paths.iter().position(|(known, _)| *known == path.path).unwrap_or_else(|| {
            paths.push((path.path.clone(), Map::new()));
            paths.len() - 1
        });
        for operation in path.operations {
            let method = operation.method.as_str().to_lowercase();
            let value = serde_json::to_value(&operation).unwrap_or_default();
            let previous = paths[index].1.insert(method, value);
            assert!(previous.is_none(), "{} has two operations with the same method", path.path);
        }
    }
    paths.sort_by(|a, b| a.0.cmp(&b.0));
    paths
}

fn schemas(registry: &Registry) -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, meta) in &registry.schemas {
        let mut value = serde_json::to_value(meta).unwrap_or_default();
        schema::convert(&mut value);
        schemas.insert(name.clone(), value);
    }
    schemas
}

/// Serializes the document as YAML, as it is served and committed.
pub fn to_yaml(document: &Value) -> String {
    serde_saphyr::to_string(document).unwrap_or_default()
}
