//! The published OpenAPI document: the complete one without the details that clients do not need.
//!
//! The complete document states every header of every response and every bound. The dispatcher and the tests
//! use it. The published document is a projection for people and code generators. It describes requests in
//! full, because clients must send valid ones, except forms that are an alternative to JSON. For responses, it retains what a
//! client can use: types, formats, enumerations and maximum lengths.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::prune;
use crate::http::signed_request::FORM_URLENCODED;

/// The headers of all responses. The description of the API names them once.
const COMMON_HEADERS: [&str; 7] = [
    "X-Request-Id",
    "Cache-Control",
    "Cache-Status",
    "Vary",
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Expose-Headers",
];

const COMMON_HEADERS_TEXT: &str = "\n\nEvery response has `X-Request-Id`, `Cache-Control` and `Vary`. Responses to requests of allowed origins \
     also have the `Access-Control-*` headers of Fetch. With the setting `cache_status`, responses of cached operations \
     also have `Cache-Status`.";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Returns the published form of the complete document.
pub fn publish(complete: &Value) -> Value {
    let mut document = complete.clone();
    let requests = request_schemas(&document);
    remove_common_headers(&mut document);
    share_responses(&mut document);
    share_parameters(&mut document);
    remove_response_bounds(&mut document, &requests);
    for operation in operations_mut(&mut document) {
        move_scopes(operation);
        simplify_media(operation);
        remove_alternative_form(operation);
    }
    remove_binary_bounds(&mut document);
    name_sort_orders(&mut document);
    remove_repeated_examples(&mut document);
    remove_empty_facts(&mut document);
    prune::remove_unused(&mut document);
    document
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let items = paths.filter_map(Value::as_object_mut).flatten();
    items.filter(|(method, _)| METHODS.contains(&method.as_str())).map(|(_, operation)| operation)
}

fn responses_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    operations_mut(document)
        .filter_map(|operation| operation.get_mut("responses")?.as_object_mut())
        .flat_map(Map::values_mut)
}

fn components<'a>(document: &'a mut Value, kind: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    document["components"][kind].as_object_mut().into_iter().flatten()
}

/// Calls `f` for every object in a value, except for data: examples, defaults and enumerations.
fn visit(value: &mut Value, f: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            f(fields);
            for (name, field) in fields.iter_mut() {
                match name.as_str() {
                    "example" | "examples" | "default" | "enum" => {}
                    // Names of properties are not keywords.
                    "properties" => {
                        field
                            .as_object_mut()
                            .into_iter()
                            .flat_map(Map::values_mut)
                            .for_each(|it| visit(it, f));
                    }
                    _ => visit(field, f),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, f)),
        _ => {}
    }
}

/// Returns the names of the schemas that requests use, directly or indirectly.
fn request_schemas(document: &Value) -> BTreeSet<String> {
    let mut pending = Vec::new();
    for item in document["paths"].as_object().into_iter().flat_map(Map::values) {
        prune::collect_references(&item["parameters"], &mut pending);
        for method in METHODS {
            prune::collect_references(&item[method]["parameters"], &mut pending);
            prune::collect_references(&item[method]["requestBody"], &mut pending);
        }
    }
    let mut seen = BTreeSet::new();
    while let Some(reference) = pending.pop() {
        if let Some(target) =
            document.pointer(reference.trim_start_matches('#')).filter(|_| seen.insert(reference.clone()))
        {
            prune::collect_references(target, &mut pending);
        }
    }
    seen.iter().filter_map(|name| name.strip_prefix("#/components/schemas/")).map(str::to_owned).collect()
}

fn remove_common_headers(document: &mut Value) {
    let remove = |response: &mut Value| {
        let Some(headers) = response.get_mut("headers").and_then(Value::as_object_mut) else { return };
        headers.retain(|name, _| !COMMON_HEADERS.contains(&name.as_str()));
        if let Some(response) = response.as_object_mut().filter(|it| it.get("headers") == Some(&json!({}))) {
            response.remove("headers");
        }
    };
    responses_mut(document).for_each(remove);
    components(document, "responses").map(|(_, response)| response).for_each(remove);
    if let Some(text) = document["info"]["description"].as_str() {
        document["info"]["description"] = json!(format!("{text}{COMMON_HEADERS_TEXT}"));
    }
}

/// Moves responses without content that occur more than once, such as redirects and 304, to components.
fn share_responses(document: &mut Value) {
    let mut counts: BTreeMap<String, (String, usize)> = BTreeMap::new();
    let shareable = |status: &str, response: &Value| {
        // Code generators assign the type `unknown` to a 204 that is a reference.
        !status.starts_with(['4', '5']) && status != "204" && response.get("content").is_none()
    };
    let mut all = Vec::new();
    for operation in operations_mut(document) {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for (status, response) in responses.into_iter().flatten() {
            if shareable(status, response) {
                let text = response.to_string();
                counts.entry(text.clone()).or_insert((status.clone(), 0)).1 += 1;
                all.push((text, response));
            }
        }
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (text, (status, count)) in counts {
        if count > 1 {
            let base = super::components::response_name(status.parse().unwrap_or_default());
            let number = names.values().filter(|name| name.starts_with(&base)).count();
            let name = if number == 0 { base } else { format!("{base}{}", number + 1) };
            names.insert(text, name);
        }
    }
    for (text, response) in all {
        if let Some(name) = names.get(&text) {
            *response = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    }
    for (text, name) in names {
        document["components"]["responses"][name] = serde_json::from_str(&text).unwrap_or_default();
    }
}

/// Moves parameters that occur more than once to components.
fn share_parameters(document: &mut Value) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for (key, value) in paths.filter_map(Value::as_object_mut).flatten() {
        let parameters = match key.as_str() {
            "parameters" => value.as_array_mut(),
            _ => value.get_mut("parameters").and_then(Value::as_array_mut),
        };
        for parameter in parameters.into_iter().flatten().filter(|it| it.get("$ref").is_none()) {
            let text = parameter.to_string();
            *counts.entry(text.clone()).or_default() += 1;
            all.push((text, parameter));
        }
    }
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (text, _) in counts.into_iter().filter(|(_, count)| *count > 1) {
        let parameter: Value = serde_json::from_str(&text).unwrap_or_default();
        let part = |key: &str| pascal(parameter[key].as_str().unwrap_or_default());
        let base = part("name") + &part("in");
        let number = names.values().filter(|name| name.trim_end_matches(char::is_numeric) == base).count();
        names.insert(text, if number == 0 { base } else { format!("{base}{}", number + 1) });
    }
    for (text, parameter) in all {
        if let Some(name) = names.get(&text) {
            *parameter = json!({ "$ref": format!("#/components/parameters/{name}") });
        }
    }
    for (text, name) in names {
        document["components"]["parameters"][name] = serde_json::from_str(&text).unwrap_or_default();
    }
}

/// Converts `publish-at` to `PublishAt`.
fn pascal(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).map(|part| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        first.to_uppercase() + rest
    });
    parts.collect()
}

const BOUNDS: [&str; 7] =
    ["pattern", "minLength", "minimum", "maximum", "minItems", "maxItems", "uniqueItems"];

/// Removes the bounds of responses, except for maximum lengths. Clients do not send these values, so they do
/// not have to satisfy the bounds.
fn remove_response_bounds(document: &mut Value, requests: &BTreeSet<String>) {
    let mut unbound = |schema: &mut Map<String, Value>| {
        if schema.contains_key("type") {
            BOUNDS.iter().for_each(|bound| drop(schema.remove(*bound)));
        }
    };
    for (name, schema) in components(document, "schemas") {
        if !requests.contains(name) {
            visit(schema, &mut unbound);
        }
    }
    components(document, "headers").for_each(|(_, header)| visit(header, &mut unbound));
    responses_mut(document).for_each(|response| visit(response, &mut unbound));
    // The format implies the length, and a minimum of zero is the default.
    visit(document, &mut |schema| {
        if matches!(schema.get("format").and_then(Value::as_str), Some("uuid" | "date-time" | "date")) {
            schema.remove("minLength");
            schema.remove("maxLength");
        }
        for key in ["minLength", "minItems"] {
            if schema.get(key) == Some(&json!(0)) {
                schema.remove(key);
            }
        }
    });
}

/// Moves the scope of an API key to `x-scopes`, because many tools accept scopes in `security`
/// for OAuth 2 only.
fn move_scopes(operation: &mut Value) {
    let ways = operation.get_mut("security").and_then(Value::as_array_mut);
    let way = ways.into_iter().flatten().find(|way| way.pointer("/api_key/0").is_some());
    let Some(way) = way else { return };
    let scopes = std::mem::replace(&mut way["api_key"], json!([]));
    let text = operation["description"].as_str().unwrap_or_default();
    let scope = scopes[0].as_str().unwrap_or_default();
    operation["description"] = json!(format!("{text}\n\nScope of an API key: `{scope}`."));
    operation["x-scopes"] = scopes;
}

/// Describes newline-delimited JSON as a string, because a schema describes one JSON value and not a sequence.
fn simplify_media(operation: &mut Value) {
    let responses = operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for content in responses.filter_map(|response| response.get_mut("content")?.as_object_mut()) {
        let Some(lines) = content.get_mut("application/x-ndjson") else { continue };
        let item = lines["schema"]["$ref"].as_str().and_then(|name| name.rsplit('/').next());
        let text = format!("One `{}` per line.", item.unwrap_or_default());
        lines["schema"] = json!({ "type": "string", "description": text });
        if let Some(example) = lines.get_mut("example").filter(|example| !example.is_string()) {
            *example = json!(format!("{example}\n"));
        }
    }
}

/// Removes the form of a request that can also be JSON: code generators support one kind of body for an operation.
fn remove_alternative_form(operation: &mut Value) {
    let content = operation.get_mut("requestBody").and_then(|body| body.get_mut("content")?.as_object_mut());
    if let Some(content) = content.filter(|content| content.contains_key("application/json")) {
        content.remove(FORM_URLENCODED);
    }
}

/// Removes the bounds of binary content, because code generators apply them to text.
fn remove_binary_bounds(document: &mut Value) {
    visit(document, &mut |fields| {
        if fields.get("format") == Some(&json!("binary")) {
            ["minLength", "maxLength", "pattern", "example"].iter().for_each(|key| drop(fields.remove(*key)));
        }
        let is_binary = fields.get("schema").is_some_and(|schema| schema["format"] == "binary");
        if is_binary {
            fields.remove("example");
        }
    });
}

/// Names the values of sort orders, because code generators derive the same name from `slug` and `-slug`.
fn name_sort_orders(document: &mut Value) {
    visit(document, &mut |fields| {
        let values: Vec<&str> = fields
            .get("enum")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !values.iter().any(|value| value.starts_with('-')) {
            return;
        }
        let name = |value: &&str| match value.strip_prefix('-') {
            Some(field) => pascal(field) + "Descending",
            None => pascal(value) + "Ascending",
        };
        let names: Vec<String> = values.iter().map(name).collect();
        fields.insert("x-enum-varnames".to_owned(), json!(names));
    });
}

/// Parameters whose values only the service can issue. An example value would be rejected.
const ISSUED: [&str; 6] = ["after", "before", "If-Match", "If-None-Match", "If-Range", "Last-Event-ID"];

/// Retains one example per body, parameter and header.
fn remove_repeated_examples(document: &mut Value) {
    let issued = |parameter: &Value| ISSUED.iter().any(|name| parameter["name"] == *name);
    let parameter = |parameter: &mut Value| {
        let is_issued = issued(parameter);
        if let Some(schema) = parameter["schema"].as_object_mut() {
            schema.remove("example");
        }
        if let Some(fields) = parameter.as_object_mut().filter(|_| is_issued) {
            fields.remove("example");
        }
    };
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for (key, value) in item.as_object_mut().into_iter().flatten() {
            let list = if key == "parameters" { Some(value) } else { value.get_mut("parameters") };
            list.and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
                .filter(|it| it.get("$ref").is_none())
                .for_each(parameter);
        }
    }
    components(document, "parameters").map(|(_, it)| it).for_each(parameter);
    for (name, header) in components(document, "headers") {
        header["schema"].as_object_mut().map(|schema| schema.remove("example"));
        if let Some(header) = header.as_object_mut().filter(|_| name == "ETag") {
            header.remove("example");
        }
    }
    let schemas = document["components"]["schemas"].clone();
    for operation in operations_mut(document) {
        operation.get_mut("requestBody").into_iter().for_each(|body| media_examples(body, &schemas));
        for response in operation["responses"].as_object_mut().into_iter().flat_map(Map::values_mut) {
            media_examples(response, &schemas);
        }
    }
    for (_, response) in components(document, "responses") {
        media_examples(response, &schemas);
    }
    components(document, "schemas").for_each(|(name, schema)| property_examples(name, schema));
}

fn media_examples(body: &mut Value, schemas: &Value) {
    let content = body.get_mut("content").and_then(Value::as_object_mut);
    for media in content.into_iter().flat_map(Map::values_mut) {
        let named = media.get("examples").and_then(Value::as_object);
        let first = named.and_then(|all| all.values().next()).map(|it| it["value"].clone());
        let name = media["schema"]["$ref"].as_str().and_then(|it| it.rsplit('/').next()).unwrap_or_default();
        let same = !name.is_empty() && schemas[name].get("example") == media.get("example");
        let Some(fields) = media.as_object_mut() else { continue };
        if let Some(first) = first {
            fields.remove("examples");
            fields.insert("example".to_owned(), first);
        }
        if same {
            fields.remove("example");
        } else if fields.contains_key("example")
            && let Some(schema) = fields.get_mut("schema").and_then(Value::as_object_mut)
        {
            schema.remove("example");
        }
    }
}

fn properties_mut(schema: &mut Value) -> impl Iterator<Item = &mut Value> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

/// Removes repeated examples: those of properties that the example of their object contains, and those of
/// pages and webhooks, which consist of the examples of other schemas.
fn property_examples(name: &str, schema: &mut Value) {
    let has_example = schema.get("example").is_some();
    for property in properties_mut(schema) {
        if has_example || property["items"].get("$ref").is_some() {
            visit(property, &mut |fields| drop(fields.remove("example")));
        }
    }
    if let Some(schema) =
        schema.as_object_mut().filter(|_| name.ends_with("Webhook") || name.ends_with("Page"))
    {
        schema.remove("example");
    }
}

/// Removes default values and descriptions that repeat their context.
fn remove_empty_facts(document: &mut Value) {
    visit(document, &mut |fields| {
        if fields.contains_key("in") && fields.get("required") == Some(&json!(false)) {
            fields.remove("required");
        }
        if fields.get("style") == Some(&json!("form")) && fields.get("explode") == Some(&json!(true)) {
            fields.remove("style");
            fields.remove("explode");
        }
        // A link, whose description repeats the operation id.
        if fields.contains_key("operationId") && fields.contains_key("parameters") && fields.len() <= 3 {
            fields.remove("description");
        }
    });
}
