//! Generates the OpenAPI 3.1 document from the declared operations and the schemas of poem-openapi's registry,
//! its projection to 3.0.3, and the page of access rules.
//!
//! The dispatcher compiles the request of each operation as [`request`] writes it for the document, so it enforces the
//! rules that the OpenAPI document states.
mod access;
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

use std::collections::BTreeMap;

use poem_openapi::registry::Registry;
use serde_json::{Map, Value, json};

use crate::{
    domain::scope::Scope,
    http::operation::{Operation, scopes_of},
};

pub use access::access_page;
pub use oas30::to_openapi_30;
pub use publish::publish;

/// Generates the OpenAPI 3.1 document of the operations. The registry contains their schemas.
pub fn document(info: Value, operations: &[Operation], registry: &Registry) -> Value {
    let schemas = schemas(registry, operations);
    let paths = operation::paths(operations, &schemas);
    let mut components = components::new(schemas, operations);
    let webhooks = webhooks::add(&mut components);
    let tags: BTreeMap<&str, Value> = operations
        .iter()
        .map(|Operation { tag, .. }| (tag.name, tag.description))
        .chain([webhooks::TAG])
        .map(|(name, description)| (name, json!({ "name": name, "description": description })))
        .collect();
    let tags: Vec<&Value> = tags.values().collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info,
        "externalDocs": {
            "description": "The user documentation",
            "url": "https://github.com/tenon-api/tenon/tree/main/docs"
        },
        "servers": [{
            "url": "/",
            "description": "This service, in production and in all other environments",
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

/// Returns the request of an operation as in the OpenAPI document: its `parameters`, with those of its path, its
/// `requestBody`, and the `components` that they refer to. The registry contains the schemas of the operation, and
/// `operations` are all operations.
pub fn request(operation: &Operation, operations: &[Operation], registry: &Registry) -> Value {
    let schemas = schemas(registry, operations);
    let parameters =
        [operation::path_parameters(operation), operation::parameters(operation, &schemas)].concat();
    json!({
        "parameters": parameters,
        "requestBody": operation::request_body(operation),
        "components": { "schemas": schemas, "parameters": components::parameters() },
    })
}

fn schemas(registry: &Registry, operations: &[Operation]) -> Map<String, Value> {
    let mut schemas = Map::new();
    for (name, meta) in &registry.schemas {
        let mut value = serde_json::to_value(meta).unwrap_or_default();
        schema::convert(&mut value);
        schemas.insert(name.clone(), value);
    }
    if let Some(scope) = schemas.get_mut(Scope::SCHEMA) {
        scope["enum"] = scopes_of(operations).into_iter().map(|Scope(name)| name).collect();
    }
    schemas
}

/// Serializes the OpenAPI document as YAML.
pub fn to_yaml(document: &Value) -> String {
    serde_saphyr::to_string(document).unwrap_or_default()
}
