//! Shared components: parameters, headers, error responses and security schemes.
use serde_json::{Map, Value, json};

use super::headers;
use crate::{
    domain::pattern::{self, Pattern},
    http::{
        operation::{Access, Operation, ResponseHeader, SignatureScheme},
        problem::codes_for_status,
        problem_code::ProblemCode,
    },
    schema::ErrorCode,
};

pub const ID: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
pub const TAG: &str = "\"AZnA3npbfD2OHyo7TF1ufw-3\"";

pub fn new(mut schemas: Map<String, Value>, operations: &[Operation]) -> Map<String, Value> {
    schemas.insert("Problem".into(), problem());
    schemas.insert("ProblemEntry".into(), problem_entry());
    schemas.insert("ProblemCode".into(), problem_codes());
    schemas.insert("ProblemEntryCode".into(), problem_entry_codes());
    let mut components = Map::new();
    components.insert("schemas".into(), Value::Object(schemas));
    components.insert("responses".into(), Value::Object(responses()));
    components.insert("parameters".into(), Value::Object(parameters()));
    components.insert("headers".into(), Value::Object(headers::all()));
    components.insert("securitySchemes".into(), Value::Object(security_schemes(operations)));
    components
}

/// Returns the component name of a header parameter: `IfMatch` for `If-Match`.
pub fn parameter_name(header: &str) -> String {
    header.replace('-', "")
}

/// Returns the component name of the error response with this status: `NotFound` for 404.
pub fn response_name(status: u16) -> String {
    let reason = poem::http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    reason.unwrap_or("Failure").replace([' ', '-'], "")
}

/// Name, description, pattern, minimum and maximum length, and example.
type Parameter = (&'static str, &'static str, Pattern, u32, u32, &'static str);

const PARAMETERS: &[Parameter] = &[
    (
        "If-Match",
        "The ETag of the version to change, a list of ETags, or `*` (RFC 9110, section 13.1.1). If none matches the current version, or the value is malformed, the response is 412. Without this header the change is unconditional, unless the service requires it (428).",
        pattern::ENTITY_TAGS,
        0,
        4000,
        "*",
    ),
    (
        "If-None-Match",
        "The ETag of the client's copy, a list of ETags, or `*` (RFC 9110, section 13.1.2). If one matches the current version, the response is 304 without a body. A malformed value is ignored.",
        pattern::ENTITY_TAGS,
        0,
        4000,
        TAG,
    ),
    (
        "Range",
        "The requested bytes, as one range such as `bytes=0-1023` or `bytes=-500` (RFC 9110, section 14.2). A list of ranges and a malformed value are ignored: the response is then the full representation.",
        pattern::PRINTABLE_OR_EMPTY,
        0,
        1000,
        "bytes=0-1023",
    ),
    (
        "If-Range",
        "The ETag of the representation that the client has a part of (RFC 9110, section 13.1.5). If it is not the current version, `Range` is ignored.",
        pattern::PRINTABLE_OR_EMPTY,
        0,
        200,
        TAG,
    ),
    (
        "Accept-Language",
        "The preferred languages, each with a weight (RFC 9110, section 12.5.4). Malformed ranges and unavailable languages are ignored.",
        pattern::PRINTABLE_OR_EMPTY,
        0,
        1000,
        "fr-CA, fr;q=0.9, en;q=0.5",
    ),
    (
        "Last-Event-ID",
        "The `id` of the last event that the client received (HTML Standard, section 9.2.4). The stream begins with the events after it. Takes precedence over `after`. A text that is not a position of this log starts the stream with an event `reset`.",
        pattern::PRINTABLE_OR_EMPTY,
        0,
        1000,
        "4711",
    ),
    (
        "Idempotency-Key",
        "A unique key for this create. A retry with the same key and body within 24 hours creates nothing and returns the stored response. The same key with another body is rejected with 422. `\"k\"` (a string of structured fields) and `k` are the same key.",
        pattern::NO_SPACES,
        1,
        255,
        "7f3e1b0c-post-welcome",
    ),
    (
        "Prefer",
        "`return=minimal` requests 204 without a body instead of the updated resource (RFC 7240). Other preferences are ignored.",
        pattern::PRINTABLE,
        1,
        200,
        "return=minimal",
    ),
];

pub fn parameters() -> Map<String, Value> {
    let parameter = |(name, description, pattern, min, max, example): &Parameter| {
        let schema = json!({
            "type": "string", "pattern": pattern.regex, "minLength": min, "maxLength": max, "example": example
        });
        (parameter_name(name), header_parameter(name, description, &schema, example))
    };
    PARAMETERS.iter().map(parameter).collect()
}

fn header_parameter(name: &str, description: &str, schema: &Value, example: &str) -> Value {
    json!({
        "name": name, "in": "header", "description": description, "required": false,
        "schema": schema, "example": example
    })
}

/// Returns the names of the headers of every response.
pub fn common_headers(limited: bool) -> Vec<&'static str> {
    let mut names = vec![
        "X-Request-Id",
        "Vary",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Expose-Headers",
    ];
    if limited {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    names
}

/// Returns references to the shared headers.
pub fn header_references(declared: &[ResponseHeader]) -> Map<String, Value> {
    let reference = |header: &ResponseHeader| {
        let component = headers::component_name(*header);
        (header.name.to_owned(), json!({ "$ref": format!("#/components/headers/{component}") }))
    };
    declared.iter().map(reference).collect()
}

fn responses() -> Map<String, Value> {
    let mut responses = Map::new();
    let mut statuses: Vec<_> = ProblemCode::ALL.iter().map(|code| code.status()).collect();
    statuses.sort();
    statuses.dedup();
    for status in statuses {
        let (own, optional): (&[_], &[_]) = match status.as_u16() {
            401 => (&["WWW-Authenticate", "Set-Cookie"], &[]),
            403 => (&[], &["WWW-Authenticate"]),
            409 => (&[], &["Retry-After"]),
            415 => (&["Accept"], &[]),
            416 => (&["Content-Range"], &[]),
            429 | 503 => (&["Retry-After"], &[]),
            _ => (&[], &[]),
        };
        let header = |always| move |name: &&'static str| ResponseHeader { name, always };
        let mut headers = vec![ResponseHeader { name: "Cache-Control", always: true }];
        headers.extend(own.iter().map(header(true)));
        headers.extend(optional.iter().map(header(false)));
        headers.extend(common_headers(true).iter().map(header(true)));
        let codes = codes_for_status(status);
        let examples: Map<String, Value> =
            codes.iter().map(|code| (code.as_str().into(), example(*code))).collect();
        let response = json!({
            "description": codes.iter().map(|code| code.title()).collect::<Vec<_>>().join("; "),
            "headers": header_references(&headers),
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples
            }},
        });
        let name = response_name(status.as_u16());
        let mut deprecated = response.clone();
        super::deprecation::add_headers(&mut deprecated);
        responses.insert(super::deprecation::response_name(&name), deprecated);
        responses.insert(name, response);
    }
    responses
}

fn example(code: ProblemCode) -> Value {
    let mut value = json!({
        "type": format!("https://api.acme.test/problems/{}", code.as_str()),
        "title": code.title(),
        "status": code.status().as_u16(),
        "code": code.as_str(),
        "detail": code.advice(),
        "instance": format!("urn:request:{ID}"),
        "trace": ID,
        "errors": [],
    });
    match code {
        ProblemCode::ValidationFailed => {
            value["detail"] = json!("2 fields are invalid");
            value["errors"] = json!([
                { "code": "required", "message": "is required", "pointer": "#/title" },
                { "code": "unknown", "message": "is not a known parameter: remove it, or use page, limit or sort", "parameter": "colour" },
            ]);
        }
        ProblemCode::AlreadyExists => {
            value["errors"] =
                json!([{ "code": "not-unique", "message": "already exists", "pointer": "#/email" }]);
        }
        ProblemCode::PreconditionFailed => value["currentEtag"] = json!(TAG),
        _ => {}
    }
    json!({ "summary": code.title(), "value": value })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "An error (RFC 9457). `code` is for programs, `detail` is for people.",
        "required": ["type", "title", "status", "code", "detail", "instance", "trace", "errors"],
        "additionalProperties": false,
        "properties": {
            "type": { "type": "string", "format": "uri", "minLength": 10, "maxLength": 500, "description": "The kind of error, as the URL of a page that documents it.", "example": "https://api.acme.test/problems/not-found" },
            "title": { "type": "string", "minLength": 1, "maxLength": 100, "description": "The title of this kind of error.", "example": "Not found" },
            "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The status code of the response.", "example": 404 },
            "code": { "$ref": "#/components/schemas/ProblemCode" },
            "detail": { "type": "string", "minLength": 1, "maxLength": 1000, "description": "The cause of this error and how to fix it.", "example": "no such post" },
            "instance": { "type": "string", "minLength": 13, "maxLength": 80, "pattern": pattern::REQUEST_URN.regex, "description": "The URN of this occurrence of the error.", "example": format!("urn:request:{ID}") },
            "trace": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": pattern::TOKEN.regex, "description": "The id of the request, as in `X-Request-Id` and in the log of the service.", "example": ID },
            "errors": { "type": "array", "minItems": 0, "maxItems": 1000, "items": { "$ref": "#/components/schemas/ProblemEntry" }, "description": "All violations, sorted by location. Empty if the error is not about a location in the request." },
            "currentEtag": { "type": "string", "minLength": 2, "maxLength": 100, "pattern": pattern::STRONG_ENTITY_TAG.regex, "description": "With 412: the ETag of the current version.", "example": TAG },
        },
        "example": example(ProblemCode::NotFound)["value"],
    })
}

fn problem_entry() -> Value {
    let text = |description: &str, example: &str| json!({ "type": "string", "minLength": 1, "maxLength": 500, "description": description, "example": example });
    json!({
        "type": "object",
        "description": "A violation of one rule, located by `pointer` (in the body), `parameter` or `header`.",
        "required": ["code", "message"],
        "additionalProperties": false,
        "properties": {
            "code": { "$ref": "#/components/schemas/ProblemEntryCode" },
            "message": text("The violated rule and the actual value.", "must be 1 to 200 characters, got 231"),
            "pointer": text("The location in the body, as a JSON Pointer in URI fragment form (RFC 6901, section 6).", "#/title"),
            "parameter": { "type": "string", "minLength": 0, "maxLength": 500, "description": "The name of the query or path parameter, as sent.", "example": "limit" },
            "header": text("The name of the header.", "If-Match"),
        },
        "example": { "code": "too-long", "message": "must be 1 to 200 characters, got 231", "pointer": "#/title" },
    })
}

fn problem_codes() -> Value {
    let names: Vec<_> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    let lines: Vec<_> =
        ProblemCode::ALL.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.title())).collect();
    json!({
        "type": "string", "enum": names, "example": "not-found",
        "description": format!("The kind of error.\n\n{}", lines.join("\n")),
    })
}

fn problem_entry_codes() -> Value {
    let names: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "string", "enum": names, "example": "too-long",
        "description": "The kind of violation.",
    })
}

fn security_schemes(operations: &[Operation]) -> Map<String, Value> {
    let signatures = operations.iter().filter_map(|operation| match operation.access() {
        Access::Signed(scheme) => Some(signature(scheme)),
        _ => None,
    });
    let credentials = [
        (
            "bearer_jwt".to_owned(),
            json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "An access token from `POST /api/auth/login` or `/api/auth/refresh`: a JWT signed with Ed25519, valid for 15 minutes, issued and verified according to RFC8725. The public keys are at `/.well-known/jwks.json`.",
            }),
        ),
        (
            "session_cookie".to_owned(),
            json!({
                "type": "apiKey", "in": "cookie", "name": "__Host-session",
                "description": "The session cookie, set by a login with `cookie: true`. Browsers may write with it only from the service's own origin or an allowed origin.",
            }),
        ),
        (
            "api_key".to_owned(),
            json!({
                "type": "http", "scheme": "bearer", "bearerFormat": "tenon_<id>_<secret>",
                "description": "An API key in `Authorization`. It has the rights of its owner, limited to its scopes. Each operation lists the scope that it requires.",
            }),
        ),
    ];
    signatures.chain(credentials).collect()
}

/// Creates the security scheme of a signature header.
fn signature(SignatureScheme { name, header, description }: SignatureScheme) -> (String, Value) {
    let scheme = json!({ "type": "apiKey", "in": "header", "name": header, "description": description });
    (name.to_owned(), scheme)
}
