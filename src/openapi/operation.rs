//! Completes operations: adds the statuses, headers and access rules that follow from an operation's
//! signature.
use serde_json::{Map, Value, json};

use super::{components, deprecation, schema};
use crate::http::image_upload::{MULTIPART_FORM_DATA, accepted_media_types};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Completes all paths.
pub fn paths(paths: Vec<(String, Map<String, Value>)>, shared: &mut Map<String, Value>) -> Value {
    let mut completed = Map::new();
    for (path, mut operations) in paths {
        let mut item = Map::new();
        let mut path_parameters = Vec::new();
        for method in METHODS {
            let Some(mut operation) = operations.remove(method) else { continue };
            path_parameters = complete(&path, method, &mut operation, shared);
            item.insert(method.into(), operation);
        }
        if !path_parameters.is_empty() {
            item.shift_insert(0, "parameters".into(), json!(path_parameters));
        }
        completed.insert(path, Value::Object(item));
    }
    links(&mut completed);
    Value::Object(completed)
}

/// Completes one operation and returns its path parameters, which belong to the path item.
fn complete(path: &str, method: &str, operation: &mut Value, shared: &Map<String, Value>) -> Vec<Value> {
    let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
    let access = access(operation, &tag, method);
    let (path_parameters, others) = parameters(operation, shared, method);
    let has = |header: &str| {
        let reference = format!("#/components/parameters/{}", components::parameter_name(header));
        others.iter().any(|parameter| parameter["$ref"] == json!(reference))
    };
    // 414 and 431 are possible for every operation: limits are checked before routing.
    let mut statuses = vec![400, 414, 431, 500, 503];
    let limited = tag != "Health";
    if limited {
        statuses.push(429);
    }
    if !matches!(access, Access::Public | Access::Signed) {
        statuses.extend([401, 403]);
    }
    if !path_parameters.is_empty() {
        statuses.push(404);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([408, 413, 415]);
        body(operation, path);
    }
    if has("If-Match") {
        statuses.extend([412, 428]);
    }
    let is_idempotent = has("Idempotency-Key");
    if is_idempotent {
        statuses.extend([409, 422]);
    }
    deprecation::set(operation);
    responses(operation, statuses, limited);
    deprecation::add_headers_to_responses(operation);
    if !is_idempotent && let Some(Value::Object(headers)) = operation.pointer_mut("/responses/201/headers") {
        headers.remove("Idempotent-Replayed");
    }
    if !others.is_empty() {
        operation["parameters"] = json!(others);
    } else if let Some(operation) = operation.as_object_mut() {
        operation.remove("parameters");
    }
    path_parameters
}

#[derive(PartialEq)]
enum Access {
    /// No authentication.
    Public,
    /// A signature instead of a caller.
    Signed,
    /// Anonymous or authenticated callers.
    Optional,
    /// Authenticated callers only.
    Required,
}

/// Converts the access rule to `security` and `x-authz`. The caller's type declares it as pseudo security
/// schemes, such as `allow:editor,admin`.
fn access(operation: &mut Value, tag: &str, method: &str) -> Access {
    let schemes: Vec<String> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(|scheme| scheme.keys().cloned())
        .collect();
    let find =
        |prefix: &str| schemes.iter().find_map(|scheme| scheme.strip_prefix(prefix).map(str::to_owned));
    let allow =
        find("allow:").unwrap_or_else(|| panic!("{} must declare its callers", operation["operationId"]));
    let allowed: Vec<&str> = allow.split(',').collect();
    let keys = find("keys:").unwrap_or_default();
    let scope = format!("{}:{}", kebab(tag), if method == "get" { "read" } else { "write" });
    let mut alternatives = vec![json!({ "bearer_jwt": [] }), json!({ "session_cookie": [] })];
    let signed = find("signed:");
    let access = match (allowed.contains(&"anonymous"), keys.as_str()) {
        _ if signed.is_some() => Access::Signed,
        (_, "open") => Access::Public,
        (true, _) => Access::Optional,
        (false, _) => Access::Required,
    };
    if keys == "yes" {
        alternatives.push(json!({ "api_key": [scope] }));
    }
    match access {
        Access::Public => alternatives = vec![json!({})],
        Access::Signed => alternatives = signed.iter().map(|scheme| json!({ scheme: [] })).collect(),
        Access::Optional => alternatives.push(json!({})),
        Access::Required => {}
    }
    operation["security"] = json!(alternatives);
    operation["x-authz"] = json!({ "allow": allowed });
    access
}

/// Converts `ApiKeys` to `api-keys`, as in paths and scopes.
fn kebab(tag: &str) -> String {
    let mut name = String::new();
    for (i, letter) in tag.chars().filter(|c| *c != ' ').enumerate() {
        if letter.is_uppercase() && i > 0 {
            name.push('-');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

/// Returns the path parameters, and all others: one query parameter per field of the query object, and
/// references to the shared header parameters.
fn parameters(operation: &Value, shared: &Map<String, Value>, method: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut path_parameters, mut others) = (Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match parameter["in"].as_str() {
            Some("path") => path_parameters.push(path_parameter(parameter)),
            Some("query") => {
                let name = parameter["schema"]["$ref"].as_str().and_then(|r| r.rsplit('/').next());
                others.extend(query(&shared["schemas"][name.unwrap_or_default()]));
            }
            _ => {
                let title = parameter["schema"]["title"].as_str().unwrap_or_default();
                others.push(reference(title));
            }
        }
    }
    if matches!(method, "put" | "patch") {
        others.push(reference("Prefer"));
    }
    (path_parameters, others)
}

fn reference(header: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{}", components::parameter_name(header)) })
}

fn path_parameter(parameter: &Value) -> Value {
    let mut completed = json!({
        "name": parameter["name"], "in": "path", "required": true, "description": parameter["description"],
    });
    let mut inner = parameter["schema"].clone();
    schema::convert(&mut inner);
    let example = match inner.get("format").and_then(Value::as_str) {
        Some("uuid") => json!("0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f"),
        _ => inner.get("example").cloned().unwrap_or_else(|| json!("guides/getting-started")),
    };
    inner["example"] = example.clone();
    completed["schema"] = inner;
    completed["example"] = example;
    completed
}

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

fn body(operation: &mut Value, path: &str) {
    let body = &mut operation["requestBody"];
    body["required"] = json!(true);
    if body["description"].is_null() {
        body["description"] = json!(format!("The request body of `{path}`."));
    }
    if let Some(form) = body["content"].get_mut(MULTIPART_FORM_DATA) {
        form["encoding"] = json!({ "file": { "contentType": accepted_media_types() } });
    }
}

fn responses(operation: &mut Value, implied: Vec<u16>, limited: bool) {
    let mut all: Vec<(u16, Value)> = Vec::new();
    let mut failures = implied;
    let mut negotiated = false;
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let Ok(status) = status.parse::<u16>() else { continue };
        if status >= 400 {
            failures.push(status);
            continue;
        }
        negotiated |= response.get("content").is_some();
        all.push((status, success(response, limited)));
    }
    if negotiated {
        failures.push(406);
    }
    failures.sort_unstable();
    failures.dedup();
    for status in failures {
        let name = components::response_name(status);
        all.push((status, json!({ "$ref": format!("#/components/responses/{name}") })));
    }
    all.sort_by_key(|(status, _)| *status);
    let all: Map<String, Value> =
        all.into_iter().map(|(status, value)| (status.to_string(), value)).collect();
    operation["responses"] = Value::Object(all);
}

fn success(response: &Value, limited: bool) -> Value {
    let mut completed = response.clone();
    let own: Vec<String> = response["headers"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
    let is_overridden = |name: &&str| own.contains(&format!("{name}.optional"));
    names.extend(components::common_headers(limited).into_iter().filter(|name| !is_overridden(name)));
    completed["headers"] = Value::Object(components::header_references(&names));
    for media in
        completed.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        schema::convert(&mut media["schema"]);
    }
    completed
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
