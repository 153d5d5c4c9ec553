//! Writes the operations of the OpenAPI document from their declarations, with references to the shared
//! headers and responses.
use poem_openapi::registry::MetaSchemaRef;
use serde_json::{Map, Value, json};

use super::{components, deprecation, schema};
use crate::{
    domain::scope::Scope,
    http::operation::{
        Access, BodyFormat, MediaType, Operation, Parameter, PathParameter, RequestBody, ResponseHeader,
        ResponseSpec,
    },
};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Writes all paths, sorted.
///
/// # Panics
///
/// If two operations have the same path and method.
pub fn paths(operations: &[Operation], schemas: &Map<String, Value>) -> Value {
    let mut sorted: Vec<&Operation> = operations.iter().collect();
    let position = |operation: &Operation| {
        METHODS.iter().position(|method| operation.method.as_str().eq_ignore_ascii_case(method))
    };
    sorted.sort_by_key(|operation| (operation.path, position(operation)));
    let mut paths = Map::new();
    for operation in sorted {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        // The path parameters belong to the path item, so the last operation describes them.
        if !operation.path_parameters.is_empty() {
            item["parameters"] = json!(path_parameters(operation));
        }
        let method = operation.method.as_str().to_lowercase();
        assert!(item.get(&method).is_none(), "{} has two operations with the same method", operation.path);
        item[method] = write(operation, schemas);
    }
    links(&mut paths);
    Value::Object(paths)
}

/// Writes one operation, without its path parameters.
fn write(operation: &Operation, schemas: &Map<String, Value>) -> Value {
    let mut written = json!({ "tags": [operation.tag.name], "summary": operation.summary });
    if !operation.description.is_empty() {
        written["description"] = json!(operation.description);
    }
    let parameters = parameters(operation, schemas);
    if !parameters.is_empty() {
        written["parameters"] = json!(parameters);
    }
    if let Some(body) = request_body(operation) {
        written["requestBody"] = body;
    }
    written["responses"] = responses(operation);
    written["security"] = security(operation);
    written["operationId"] = json!(operation.id);
    written["x-authz"] = json!({ "allow": operation.access().groups() });
    if let Some(parameter) = operation.search {
        written["x-search"] = json!(parameter);
    }
    if operation.ignores_unknown_query {
        written["x-unknown-query"] = json!("ignored");
    }
    if let Some(declared) = &operation.deprecation {
        written["deprecated"] = json!(true);
        written["x-deprecation"] =
            json!(Map::from_iter(declared.headers().map(|(name, value)| (name.to_owned(), json!(value)))));
        deprecation::add_headers_to_responses(&mut written);
    }
    written
}

/// Returns the security requirements. A request must satisfy one of them.
fn security(operation: &Operation) -> Value {
    let access = operation.access();
    let mut alternatives = match access {
        Access::Public => Vec::new(),
        Access::Signed(scheme) => return json!([{ scheme.name: [] }]),
        Access::Optional | Access::Authenticated { .. } => {
            vec![json!({ "bearer_jwt": [] }), json!({ "session_cookie": [] })]
        }
    };
    if let Some(Scope(scope)) = operation.scope() {
        alternatives.push(json!({ "api_key": [scope] }));
    }
    if matches!(access, Access::Public | Access::Optional) {
        // An empty requirement makes authentication optional (OpenAPI, Security Requirement Object).
        alternatives.push(json!({}));
    }
    json!(alternatives)
}

/// Writes the path parameters of an operation.
pub fn path_parameters(operation: &Operation) -> Vec<Value> {
    operation.path_parameters.iter().map(path_parameter).collect()
}

/// Writes the other parameters of an operation.
pub fn parameters(operation: &Operation, schemas: &Map<String, Value>) -> Vec<Value> {
    let parameters = operation.parameters.iter().flat_map(|parameter| match parameter {
        Parameter::Query(schema) => query(&schemas[schema.unwrap_reference()]),
        Parameter::Header(name) => vec![header_parameter(name)],
    });
    parameters.collect()
}

/// Writes the request body of an operation, if it has one.
pub fn request_body(operation: &Operation) -> Option<Value> {
    operation.body.as_ref().map(|declared| body(declared, operation.path))
}

fn header_parameter(header: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{}", components::parameter_name(header)) })
}

fn converted(schema: &MetaSchemaRef) -> Value {
    let mut converted = json!(schema);
    schema::convert(&mut converted);
    converted
}

fn path_parameter(parameter: &PathParameter) -> Value {
    let mut written = json!({
        "name": parameter.name, "in": "path", "required": true, "description": parameter.description,
    });
    let mut schema = converted(&parameter.schema);
    let example = match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => json!("0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f"),
        _ => schema.get("example").cloned().unwrap_or_else(|| json!("guides/getting-started")),
    };
    schema["example"] = example.clone();
    written["schema"] = schema;
    written["example"] = example;
    written
}

/// Writes the properties of a schema as query parameters.
fn query(object: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    let required = object["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in object["properties"].as_object().into_iter().flatten() {
        let mut inner = property.clone();
        let description = inner.as_object_mut().and_then(|inner| inner.remove("description"));
        let mut parameter = json!({
            "name": name, "in": "query", "required": required.contains(&json!(name)),
            "description": description.unwrap_or_default(),
        });
        if inner["type"] == "array" {
            parameter["style"] = json!("form");
            parameter["explode"] = json!(true);
        }
        if let Some(example) = object.get("example").and_then(|example| example.get(name)) {
            if !inner.as_object().is_some_and(|inner| inner.contains_key("$ref")) {
                inner["example"] = example.clone();
            }
            parameter["example"] = example.clone();
        }
        parameter["schema"] = inner;
        found.push(parameter);
    }
    found
}

fn body(body: &RequestBody, path: &str) -> Value {
    let description =
        body.description.map_or_else(|| format!("The request body of `{path}`."), str::to_owned);
    let mut content = content(&body.content, |schema| json!(schema));
    if let BodyFormat::Multipart { file, media_types } = &body.format {
        content
            .values_mut()
            .for_each(|media| media["encoding"] = json!({ *file: { "contentType": media_types } }));
    }
    json!({ "description": description, "content": content, "required": true })
}

fn content(declared: &[MediaType], schema: impl Fn(&MetaSchemaRef) -> Value) -> Map<String, Value> {
    declared.iter().map(|media| (media.name.to_owned(), json!({ "schema": schema(&media.schema) }))).collect()
}

fn responses(operation: &Operation) -> Value {
    let limited = operation.rate_limit.is_some();
    let successes = operation.responses.iter().map(|response| (response.status, success(response, limited)));
    let errors = operation.errors.iter().map(|status| {
        let name = components::response_name(*status);
        (*status, json!({ "$ref": format!("#/components/responses/{name}") }))
    });
    let all: Map<String, Value> =
        successes.chain(errors).map(|(status, response)| (status.to_string(), response)).collect();
    Value::Object(all)
}

fn success(response: &ResponseSpec, limited: bool) -> Value {
    let mut written = json!({ "description": response.description });
    if !response.content.is_empty() {
        written["content"] = Value::Object(content(&response.content, converted));
    }
    let mut headers = response.headers.clone();
    let common = components::common_headers(limited).into_iter();
    let common = common.filter(|name| !response.headers.iter().any(|header| header.name == *name));
    headers.extend(common.map(|name| ResponseHeader { name, always: true }));
    written["headers"] = Value::Object(components::header_references(&headers));
    written
}

/// Adds links from the response of a create to the operations on the new resource.
fn links(paths: &mut Map<String, Value>) {
    let targets: Vec<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let ids = METHODS.iter().filter_map(|method| item[*method]["operationId"].as_str());
            ids.map(|id| (path.clone(), id.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    for (path, item) in paths.iter_mut() {
        let created = item.get_mut("post").and_then(|post| post.pointer_mut("/responses/201"));
        let Some(created) = created else { continue };
        // The parameter of the new resource is `id`, or the singular of the collection: `{post}` below `posts`.
        let collection = path.rsplit('/').next().unwrap_or_default();
        let names = ["id", collection.strip_suffix('s').unwrap_or_default()];
        let parameter = |target: &str| {
            let is_below = |name: &&str| target == format!("{path}/{{{name}}}");
            let is_base = |name: &&str| target == format!("/api/{collection}/{{{name}}}");
            names.into_iter().find(|name| is_below(name) || is_base(name))
        };
        // The path parameters of the create are also path parameters of the new resource.
        let inherited = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let inherited = inherited.map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))));
        let inherited: Map<String, Value> = inherited.collect();
        let found: Map<String, Value> = targets
            .iter()
            .filter_map(|(target, id)| {
                let inherited = inherited.iter().filter(|(name, _)| target.contains(&format!("{{{name}}}")));
                let mut parameters: Map<String, Value> =
                    inherited.map(|(name, value)| (name.clone(), value.clone())).collect();
                parameters.insert(parameter(target)?.to_owned(), json!("$response.body#/id"));
                let link = json!({
                    "operationId": id,
                    "parameters": parameters,
                    "description": format!("Calls `{id}` with the new resource."),
                });
                Some((id.clone(), link))
            })
            .collect();
        if !found.is_empty() {
            created["links"] = Value::Object(found);
        }
    }
}
