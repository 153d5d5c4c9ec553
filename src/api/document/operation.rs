//! One operation: what its signature implies is written out, so that the document names every status,
//! field and right.
use serde_json::{Map, Value, json};

use super::{components, ending, schema};
use crate::contract::upload::{FORM, kinds};

const VERBS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Finishes all paths.
pub fn paths(paths: Vec<(String, Map<String, Value>)>, shared: &mut Map<String, Value>) -> Value {
    let mut finished = Map::new();
    for (path, mut operations) in paths {
        let mut item = Map::new();
        let mut place = Vec::new();
        for verb in VERBS {
            let Some(mut operation) = operations.remove(verb) else { continue };
            place = finish(&path, verb, &mut operation, shared);
            item.insert(verb.into(), operation);
        }
        if !place.is_empty() {
            item.shift_insert(0, "parameters".into(), json!(place));
        }
        finished.insert(path, Value::Object(item));
    }
    links(&mut finished);
    Value::Object(finished)
}

/// Finishes one operation and gives back its path parameters, which belong to the path.
fn finish(path: &str, verb: &str, operation: &mut Value, shared: &Map<String, Value>) -> Vec<Value> {
    let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
    let access = access(operation, &tag, verb);
    let (place, others) = parameters(operation, shared, verb);
    let has = |field: &str| {
        let reference = format!("#/components/parameters/{}", components::parameter_name(field));
        others.iter().any(|parameter| parameter["$ref"] == json!(reference))
    };
    // What is longer than any request may be is refused before its meaning is looked at.
    let mut statuses = vec![400, 414, 431, 500, 503];
    let limited = tag != "Health";
    if limited {
        statuses.push(429);
    }
    if !matches!(access, Access::Open | Access::Signed) {
        statuses.extend([401, 403]);
    }
    if !place.is_empty() {
        statuses.push(404);
    }
    if operation.get("requestBody").is_some() {
        statuses.extend([408, 413, 415]);
        body(operation, path);
    }
    if has("If-Match") {
        statuses.extend([412, 428]);
    }
    let repeatable = has("Idempotency-Key");
    if repeatable {
        statuses.extend([409, 422]);
    }
    ending::note(operation);
    responses(operation, statuses, limited);
    ending::mark(operation);
    if !repeatable && let Some(Value::Object(fields)) = operation.pointer_mut("/responses/201/headers") {
        fields.remove("Idempotent-Replayed");
    }
    if !others.is_empty() {
        operation["parameters"] = json!(others);
    } else if let Some(operation) = operation.as_object_mut() {
        operation.remove("parameters");
    }
    place
}

#[derive(PartialEq)]
enum Access {
    Open,
    Signed,
    Optional,
    Guarded,
}

/// The rights come as pseudo-schemes from the caller's type; they leave as `security` and `x-authz`.
fn access(operation: &mut Value, tag: &str, verb: &str) -> Access {
    let words: Vec<String> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(|scheme| scheme.keys().cloned())
        .collect();
    let word = |kind: &str| words.iter().find_map(|word| word.strip_prefix(kind).map(str::to_owned));
    let allow =
        word("allow:").unwrap_or_else(|| panic!("{} does not say who may call it", operation["operationId"]));
    let allowed: Vec<&str> = allow.split(',').collect();
    let keys = word("keys:").unwrap_or_default();
    let scope = format!("{}:{}", kebab(tag), if verb == "get" { "read" } else { "write" });
    let mut ways = vec![json!({ "bearer_jwt": [] }), json!({ "session_cookie": [] })];
    let signed = word("signed:");
    let access = match (allowed.contains(&"anonymous"), keys.as_str()) {
        _ if signed.is_some() => Access::Signed,
        (_, "open") => Access::Open,
        (true, _) => Access::Optional,
        (false, _) => Access::Guarded,
    };
    if keys == "yes" {
        ways.push(json!({ "api_key": [scope] }));
    }
    match access {
        Access::Open => ways = vec![json!({})],
        Access::Signed => ways = signed.iter().map(|scheme| json!({ scheme: [] })).collect(),
        Access::Optional => ways.push(json!({})),
        Access::Guarded => {}
    }
    operation["security"] = json!(ways);
    operation["x-authz"] = json!({ "allow": allowed });
    access
}

/// `ApiKeys` is `api-keys`, as in the path.
fn kebab(tag: &str) -> String {
    let mut word = String::new();
    for (i, letter) in tag.chars().filter(|c| *c != ' ').enumerate() {
        if letter.is_uppercase() && i > 0 {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

/// Path parameters, and all others: the members of the query object one by one, the shared header fields
/// by reference.
fn parameters(operation: &Value, shared: &Map<String, Value>, verb: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut place, mut others) = (Vec::new(), Vec::new());
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        match parameter["in"].as_str() {
            Some("path") => place.push(path_parameter(parameter)),
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
    if matches!(verb, "put" | "patch") {
        others.push(reference("Prefer"));
    }
    (place, others)
}

fn reference(field: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{}", components::parameter_name(field)) })
}

fn path_parameter(parameter: &Value) -> Value {
    let mut finished = json!({
        "name": parameter["name"], "in": "path", "required": true, "description": parameter["description"],
    });
    let mut inner = parameter["schema"].clone();
    schema::finish(&mut inner);
    let example = match inner.get("format").and_then(Value::as_str) {
        Some("uuid") => json!("0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f"),
        _ => inner.get("example").cloned().unwrap_or_else(|| json!("guides/getting-started")),
    };
    inner["example"] = example.clone();
    finished["schema"] = inner;
    finished["example"] = example;
    finished
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
        body["description"] = json!(format!("What `{path}` takes."));
    }
    if let Some(form) = body["content"].get_mut(FORM) {
        form["encoding"] = json!({ "file": { "contentType": kinds() } });
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
    let mut finished = response.clone();
    let own: Vec<String> = response["headers"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let mut names: Vec<&str> = own.iter().map(String::as_str).collect();
    let looser = |name: &&str| own.contains(&format!("{name}.optional"));
    names.extend(components::common(limited).into_iter().filter(|name| !looser(name)));
    finished["headers"] = Value::Object(components::references(&names));
    for media in
        finished.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        schema::finish(&mut media["schema"]);
    }
    finished
}

/// A create links to what can be done with what it made.
fn links(paths: &mut Map<String, Value>) {
    let targets: Vec<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let ids = VERBS.iter().filter_map(|verb| item[*verb]["operationId"].as_str());
            ids.map(|id| (path.clone(), id.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    for (path, item) in paths.iter_mut() {
        let created = item.get_mut("post").and_then(|post| post.pointer_mut("/responses/201"));
        let Some(created) = created else { continue };
        let below = format!("/{}/{{id}}", path.trim_start_matches('/'));
        let base = path.rsplit('/').next().map(|last| format!("/api/{last}/{{id}}")).unwrap_or_default();
        // What the address of the create holds, the addresses of what it made hold too.
        let held = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let held = held.map(|name| (name.to_owned(), json!(format!("$request.path.{name}"))));
        let mut parameters: Map<String, Value> = held.collect();
        parameters.insert("id".to_owned(), json!("$response.body#/id"));
        let found: Map<String, Value> = targets
            .iter()
            .filter(|(target, _)| *target == below || *target == base)
            .map(|(_, id)| {
                let link = json!({
                    "operationId": id,
                    "parameters": parameters,
                    "description": format!("`{id}` for what was made."),
                });
                (id.clone(), link)
            })
            .collect();
        if !found.is_empty() {
            created["links"] = Value::Object(found);
        }
    }
}
