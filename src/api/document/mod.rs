//! The OpenAPI document: written from the registry that the operations fill, finished into 3.1 by rule,
//! and projected to 3.0.3. The gate compiles itself from the same value, so what is served is what is enforced.
mod components;
mod ending;
mod examples;
mod fields;
mod oas30;
mod operation;
mod prune;
mod schema;
mod webhooks;

use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};
use serde_json::{Map, Value, json};

pub use oas30::projection;

/// The finished document of an API, in OpenAPI 3.1.
pub fn document<T: OpenApi>(info: Value, tags: &[(&str, &str)]) -> Value {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut components = components::new(schemas(&registry));
    let paths = operation::paths(merged(T::meta()), &mut components);
    let webhooks = webhooks::section(&mut components);
    let tags: Vec<Value> =
        tags.iter().map(|(name, text)| json!({ "name": name, "description": text })).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info,
        "externalDocs": {
            "description": "How to use the service, page by page",
            "url": "https://github.com/tenon-api/tenon/tree/main/docs"
        },
        "servers": [{
            "url": "/",
            "description": "This service, in production and everywhere else",
            "x-internal": false
        }],
        "security": [{ "bearer_jwt": [] }, { "session_cookie": [] }, { "api_key": [] }],
        "tags": tags,
        "paths": paths,
        "webhooks": webhooks,
        "components": Value::Object(components),
    });
    prune::unused(&mut document);
    examples::fill(&mut document);
    document
}

/// Each path once, whichever implementations its operations stand in.
fn merged(apis: Vec<MetaApi>) -> Vec<(String, Map<String, Value>)> {
    let mut paths: Vec<(String, Map<String, Value>)> = Vec::new();
    for path in apis.into_iter().flat_map(|api| api.paths) {
        let place = paths.iter().position(|(known, _)| *known == path.path).unwrap_or_else(|| {
            paths.push((path.path.clone(), Map::new()));
            paths.len() - 1
        });
        for operation in path.operations {
            let method = operation.method.as_str().to_lowercase();
            let written = serde_json::to_value(&operation).unwrap_or_default();
            let earlier = paths[place].1.insert(method, written);
            assert!(earlier.is_none(), "{} has two operations of one method", path.path);
        }
    }
    paths.sort_by(|a, b| a.0.cmp(&b.0));
    paths
}

fn schemas(registry: &Registry) -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, meta) in &registry.schemas {
        let mut written = serde_json::to_value(meta).unwrap_or_default();
        schema::finish(&mut written);
        schemas.insert(name.clone(), written);
    }
    schemas
}

/// The document as the YAML file that is served and committed.
pub fn yaml(document: &Value) -> String {
    serde_saphyr::to_string(document).unwrap_or_default()
}
