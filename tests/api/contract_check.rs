//! Validates every response against the OpenAPI document, before the test sees it.
use std::{collections::BTreeSet, sync::LazyLock};

use parking_lot::Mutex;
use poem::http::Method;
use serde_json::{Value, json};
use tenon::{
    api::{DOCUMENT, OPERATIONS},
    http::operation::Operation,
    schema::Schema,
};

use crate::support::Response;

/// Statuses that every operation declares, but that these tests cannot produce for every operation; each with the
/// reason.
const NOT_PRODUCED: &[(u16, &str)] = &[
    (500, "no request is known that makes the service fail"),
    (503, "returned at the limits of a running server: the stage `abuse` and the tests of the listener"),
    (507, "returned for every write while the disk is full: `storage_faults.rs`"),
];

/// Writes that have no entry in the audit log, and the reason.
const NOT_AUDITED: &[(&str, &str)] =
    &[("upstreamsSend", "the service that receives the request stores the effect and records it")];

/// The writes that an entry of the audit log has recorded so far.
static AUDITED: LazyLock<Mutex<BTreeSet<&str>>> = LazyLock::new(Mutex::default);

/// The operations and statuses of the responses so far.
static PRODUCED: LazyLock<Mutex<BTreeSet<(&str, u16)>>> = LazyLock::new(Mutex::default);

/// Checks that every declared pair of operation and status was produced.
///
/// # Errors
///
/// Names the pairs that were not.
pub fn check_coverage() -> Result<(), String> {
    let produced = PRODUCED.lock();
    let mut missing = Vec::new();
    for operation in OPERATIONS.iter() {
        for status in
            declared_responses(operation).as_object().into_iter().flat_map(|responses| responses.keys())
        {
            let status = status.parse().expect("a status");
            let is_exception = NOT_PRODUCED.iter().any(|(exception, _)| *exception == status);
            if !is_exception && !produced.contains(&(operation.id, status)) {
                missing.push(format!("{} {status}", operation.id));
            }
        }
    }
    if !missing.is_empty() {
        return Err(format!("declared, but not produced by any test:\n{}", missing.join("\n")));
    }
    let (audited, exceptions) = (AUDITED.lock(), NOT_AUDITED.iter().map(|(id, _)| *id));
    let writes = OPERATIONS.iter().filter(|operation| !operation.method.is_safe()).map(|one| one.id);
    let expected: BTreeSet<&str> =
        writes.filter(|id| !exceptions.clone().any(|other| other == *id)).collect();
    match *audited == expected {
        true => Ok(()),
        false => Err(format!(
            "writes without an entry in the audit log, or exceptions with one: {:?}",
            audited.symmetric_difference(&expected).collect::<Vec<_>>()
        )),
    }
}

/// Returns the id of the operation of a successful write whose entry in the audit log was not found yet.
pub fn write_to_audit(method: &Method, path: &str, status: u16) -> Option<&'static str> {
    let template = template(path).filter(|_| !method.is_safe() && status < 300)?;
    let id = OPERATIONS.iter().find(|one| one.path == template && one.method == *method)?.id;
    (!AUDITED.lock().contains(id)).then_some(id)
}

pub fn mark_audited(id: &'static str) {
    AUDITED.lock().insert(id);
}

/// Returns the responses of an operation in the OpenAPI document, by status.
fn declared_responses(operation: &Operation) -> &'static Value {
    &DOCUMENT["paths"][operation.path][operation.method.as_str().to_lowercase()]["responses"]
}

/// Returns the path template of a path. Literal segments take precedence over parameters.
fn template(path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.split('/').collect();
    let matches = |operation: &&Operation| {
        let template: Vec<&str> = operation.path.split('/').collect();
        let length_matches = match operation.many_segments {
            true => segments.len() >= template.len(),
            false => segments.len() == template.len(),
        };
        let segment_matches =
            |(template, segment): (&&str, &&str)| template.starts_with('{') || template == segment;
        length_matches && template.iter().zip(&segments).all(segment_matches)
    };
    let matching = OPERATIONS.iter().filter(matches);
    matching.map(|operation| operation.path).min_by_key(|template| template.matches('{').count())
}

/// Fails the test if the OpenAPI document does not declare this response.
pub fn validate_response(method: &Method, path: &str, response: &Response) {
    let shown = || {
        format!("{method} {path} returned {}: {}", response.status, String::from_utf8_lossy(&response.bytes))
    };
    assert!(response.headers.contains_key("x-request-id"), "no request id: {}", shown());
    assert!(response.headers.contains_key("cache-control"), "no Cache-Control: {}", shown());
    if response.status >= 400 {
        assert_eq!(response.header("content-type"), "application/problem+json", "{}", shown());
        assert_no_internals(response);
    }
    let Some(template) = template(path) else { return };
    let declared_method = if method == Method::HEAD { Method::GET } else { method.clone() };
    let operation = OPERATIONS.iter().find(|one| one.path == template && one.method == declared_method);
    let Some(operation) = operation else {
        assert!(matches!(response.status, 204 | 405), "{}", shown());
        return;
    };
    let id = operation.id;
    let declared = declared_responses(operation).get(response.status.to_string());
    let declared = declared.unwrap_or_else(|| panic!("{id} does not declare this status: {}", shown()));
    PRODUCED.lock().insert((id, response.status));
    let declared = resolve(declared);
    for name in response.headers.keys().filter(|name| !is_general_header(name.as_str())) {
        let known = declared["headers"].as_object().into_iter().flatten();
        let known = known.into_iter().any(|(known, _)| known.eq_ignore_ascii_case(name.as_str()));
        assert!(known, "{id} does not declare the header {name}: {}", shown());
    }
    for (name, header) in declared["headers"].as_object().into_iter().flatten() {
        let header = resolve(header);
        let Some(value) = response.headers.get(name.as_str()) else {
            assert!(header["required"] != true, "{id} requires the header {name}: {}", shown());
            continue;
        };
        let text = value.to_str().unwrap_or_default();
        let typed = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        let typed = if header["schema"]["type"] == "integer" { typed } else { json!(text) };
        validate(&header["schema"], &typed, &format!("{id} {name}: {text}"));
    }
    if *method != Method::HEAD {
        validate_body(id, declared, response, &shown);
    }
}

fn validate_body(id: &str, declared: &Value, response: &Response, shown: &dyn Fn() -> String) {
    let media = response.header("content-type").split(';').next().unwrap_or_default();
    let Some(content) = declared["content"].as_object() else {
        return assert!(response.bytes.is_empty(), "{id} does not declare a body: {}", shown());
    };
    let declared = content.get(media).unwrap_or_else(|| panic!("{id} does not declare {media}: {}", shown()));
    let (schema, text) = (&declared["schema"], String::from_utf8_lossy(&response.bytes));
    match media {
        _ if schema["format"] == "binary" => assert!(!response.bytes.is_empty(), "empty file: {}", shown()),
        "application/x-ndjson" => {
            for line in text.lines() {
                validate(schema, &serde_json::from_str(line).expect("JSON in each line"), &shown());
            }
        }
        "text/event-stream" => text.split("\n\n").for_each(|block| validate_block(schema, block)),
        _ => validate(schema, &response.body, &shown()),
    }
}

/// Validates a block of the event stream.
pub fn validate_event(block: &str) {
    let stream = &DOCUMENT["paths"]["/api/events"]["get"]["responses"]["200"];
    validate_block(&stream["content"]["text/event-stream"]["schema"], block);
}

/// The schema describes the events of the log. A `reset` and a `heartbeat` are none of them.
fn validate_block(schema: &Value, block: &str) {
    assert!(!schema.is_null(), "the OpenAPI document has no schema for events");
    let data = block.lines().find_map(|line| line.strip_prefix("data: "));
    let is_of_log = !block.contains("event: reset") && !block.contains("event: heartbeat");
    if let Some(data) = data.filter(|_| is_of_log) {
        validate(schema, &serde_json::from_str(data).expect("JSON as data"), block);
    }
}

/// Returns whether a header is independent of the operation: framing, and rules for browsers. The OpenAPI
/// document describes these once, not in each response.
fn is_general_header(name: &str) -> bool {
    name.starts_with("x-content-")
        || name.starts_with("cross-origin-")
        || matches!(name, "content-type" | "content-length" | "content-encoding" | "content-security-policy")
        || matches!(name, "referrer-policy" | "strict-transport-security" | "permissions-policy")
}

fn validate(schema: &Value, value: &Value, shown: &str) {
    let compiled = Schema::compile(&DOCUMENT, schema).expect("the schema compiles");
    let mut violations = Vec::new();
    compiled.validate(value, "#", &mut violations);
    assert!(violations.is_empty(), "{violations:?} in {shown}");
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            DOCUMENT.pointer(reference.trim_start_matches('#')).expect("the reference resolves")
        }
        None => value,
    }
}

/// Fails the test if an error contains what only the log may contain: statements, file names, type names.
fn assert_no_internals(response: &Response) {
    let text = String::from_utf8_lossy(&response.bytes).to_lowercase();
    for word in ["select ", "insert into", "sqlx", "sea_orm", "dberr", ".rs:", "panicked", "/src/", "unwrap"]
    {
        assert!(!text.contains(word), "an error contains {word}: {text}");
    }
}
