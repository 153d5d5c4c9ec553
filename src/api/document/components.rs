//! What all operations share: the header fields, the parameters, the failures and the ways to sign in.
use serde_json::{Map, Value, json};

use super::fields;
use crate::contract::{check::ErrorCode, code::Code, problem::codes_of};

pub const ID: &str = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
pub const TAG: &str = "\"AZnA3npbfD2OHyo7TF1ufw-3\"";

pub fn new(mut schemas: Map<String, Value>) -> Map<String, Value> {
    schemas.insert("Problem".into(), problem());
    schemas.insert("ProblemEntry".into(), entry());
    schemas.insert("ProblemCode".into(), codes());
    schemas.insert("ProblemEntryCode".into(), entry_codes());
    let mut components = Map::new();
    components.insert("schemas".into(), Value::Object(schemas));
    components.insert("responses".into(), Value::Object(responses()));
    components.insert("parameters".into(), Value::Object(parameters()));
    components.insert("headers".into(), Value::Object(fields::all()));
    components.insert("securitySchemes".into(), security());
    components
}

/// The name of the shared parameter of a field name: `If-Match` is `IfMatch`.
pub fn parameter_name(field: &str) -> String {
    field.replace('-', "")
}

/// The name of the shared response of a status: 404 is `NotFound`.
pub fn response_name(status: u16) -> String {
    let reason = poem::http::StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    reason.unwrap_or("Failure").replace([' ', '-'], "")
}

fn text(pattern: &str, max: u32) -> Value {
    json!({ "type": "string", "pattern": pattern, "minLength": 1, "maxLength": max })
}

fn parameters() -> Map<String, Value> {
    let tags = "^[\\u0021-\\u007e]([\\u0020-\\u007e]*[\\u0021-\\u007e])?$";
    let list = [
        (
            "If-Match",
            "The ETag of the version that is to be changed, a list of them, or `*` (RFC 9110, 13.1.1). Another version is left alone and answered with 412, and so is a field that names no version; without the field the change is made on whatever is there, unless the service insists on it (428).",
            text(tags, 4000),
            "*",
        ),
        (
            "If-None-Match",
            "The ETag of the copy that the client has, a list of them, or `*` (RFC 9110, 13.1.2). The same version is answered with 304 and no body; a field that names no version changes nothing.",
            text(tags, 4000),
            TAG,
        ),
        (
            "Accept-Language",
            "The languages that the client would like, each with a weight (RFC 9110, 12.5.4). Ranges that cannot be read, and languages that are not there, are passed over.",
            json!({ "type": "string", "pattern": "^[\\u0020-\\u007e]*$", "minLength": 0, "maxLength": 1000 }),
            "fr-CA, fr;q=0.9, en;q=0.5",
        ),
        (
            "Last-Event-ID",
            "The `id` of the last event that the client has (HTML, 9.2.4): what followed is sent first. It wins over `after`.",
            text("^[0-9]+$", 15),
            "4711",
        ),
        (
            "Idempotency-Key",
            "A name for this create, new for each one. The same request with the same key has one effect and gets one answer for 24 hours; another body with the same key is refused with 422.",
            text("^[\\u0021-\\u007e]+$", 255),
            "7f3e1b0c-post-welcome",
        ),
        (
            "Prefer",
            "`return=minimal` asks for 204 without a body instead of the changed resource (RFC 7240). Other preferences change nothing.",
            text("^[\\u0020-\\u007e]+$", 200),
            "return=minimal",
        ),
    ];
    list.into_iter()
        .map(|(name, description, mut schema, example)| {
            schema["example"] = json!(example);
            (parameter_name(name), field(name, description, &schema, example))
        })
        .collect()
}

fn field(name: &str, description: &str, schema: &Value, example: &str) -> Value {
    json!({
        "name": name, "in": "header", "description": description, "required": false,
        "schema": schema, "example": example
    })
}

/// The header fields of every answer; those of failures have more by their status.
pub fn common(limited: bool) -> Vec<&'static str> {
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

/// The shared header fields of these names; `Retry-After.optional` is a `Retry-After` that may be missing.
pub fn references(names: &[&str]) -> Map<String, Value> {
    let reference = |name: &&str| {
        let field = name.trim_end_matches(".optional").to_owned();
        (field, json!({ "$ref": format!("#/components/headers/{name}") }))
    };
    names.iter().map(reference).collect()
}

fn responses() -> Map<String, Value> {
    let mut responses = Map::new();
    let mut statuses: Vec<_> = Code::ALL.iter().map(|code| code.status()).collect();
    statuses.sort();
    statuses.dedup();
    for status in statuses {
        let mut names = vec!["Cache-Control"];
        match status.as_u16() {
            401 => names.extend(["WWW-Authenticate", "Set-Cookie"]),
            403 => names.push("WWW-Authenticate.optional"),
            409 => names.push("Retry-After.optional"),
            415 => names.push("Accept"),
            429 | 503 => names.push("Retry-After"),
            _ => {}
        }
        names.extend(common(true));
        let kinds = codes_of(status);
        let examples: Map<String, Value> =
            kinds.iter().map(|code| (code.as_str().into(), example(*code))).collect();
        let response = json!({
            "description": kinds.iter().map(|code| code.title()).collect::<Vec<_>>().join("; or: "),
            "headers": references(&names),
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/Problem" }, "examples": examples
            }},
        });
        let name = response_name(status.as_u16());
        let mut ending = response.clone();
        super::ending::fields(&mut ending);
        responses.insert(super::ending::response_name(&name), ending);
        responses.insert(name, response);
    }
    responses
}

fn example(code: Code) -> Value {
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
        Code::Invalid => {
            value["detail"] = json!("2 parts of the request must be mended");
            value["errors"] = json!([
                { "code": "required", "message": "is required", "pointer": "#/title" },
                { "code": "unknown", "message": "is not a parameter of this operation", "parameter": "colour" },
            ]);
        }
        Code::Taken => {
            value["errors"] = json!([{ "code": "not-unique", "message": "is taken", "pointer": "#/email" }]);
        }
        Code::Stale => value["currentEtag"] = json!(TAG),
        _ => {}
    }
    json!({ "summary": code.title(), "value": value })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "A failure (RFC 9457). Programs look at `code`; people read `detail`.",
        "required": ["type", "title", "status", "code", "detail", "instance", "trace", "errors"],
        "additionalProperties": false,
        "properties": {
            "type": { "type": "string", "format": "uri", "minLength": 10, "maxLength": 500, "description": "The kind of failure as an address, at which a page explains it.", "example": "https://api.acme.test/problems/not-found" },
            "title": { "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[^\\u0000]*$", "description": "The same for every failure of this kind.", "example": "There is nothing here" },
            "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The status of the answer.", "example": 404 },
            "code": { "$ref": "#/components/schemas/ProblemCode" },
            "detail": { "type": "string", "minLength": 1, "maxLength": 1000, "pattern": "^[^\\u0000]*$", "description": "What happened this time, and what to do.", "example": "there is no such post" },
            "instance": { "type": "string", "minLength": 13, "maxLength": 80, "pattern": "^urn:request:[A-Za-z0-9._-]+$", "description": "This very failure.", "example": format!("urn:request:{ID}") },
            "trace": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9._-]+$", "description": "The id of the request, as in `X-Request-Id` and in the service's log.", "example": ID },
            "errors": { "type": "array", "minItems": 0, "maxItems": 1000, "items": { "$ref": "#/components/schemas/ProblemEntry" }, "description": "Every violation, sorted by place; empty when no place in the request is to blame." },
            "currentEtag": { "type": "string", "minLength": 2, "maxLength": 100, "pattern": "^\"[\\u0021\\u0023-\\u007e]*\"$", "description": "With 412: the ETag of the version that is there now.", "example": TAG },
        },
        "example": example(Code::NotFound)["value"],
    })
}

fn entry() -> Value {
    let place = |description: &str, example: &str| json!({ "type": "string", "minLength": 1, "maxLength": 500, "pattern": "^[^\\u0000]*$", "description": description, "example": example });
    json!({
        "type": "object",
        "description": "One violation, at one place: a pointer into the body, a parameter or a header field.",
        "required": ["code", "message"],
        "additionalProperties": false,
        "properties": {
            "code": { "$ref": "#/components/schemas/ProblemEntryCode" },
            "message": place("What is wrong there and what would be right.", "must be at most 200 characters long, is 231"),
            "pointer": place("The place in the body as a JSON Pointer in fragment form (RFC 6901, 6).", "#/title"),
            "parameter": { "type": "string", "minLength": 0, "maxLength": 500, "pattern": "^[^\\u0000]*$", "description": "The name of the query or path parameter, as it was sent.", "example": "limit" },
            "header": place("The name of the header field.", "If-Match"),
        },
        "example": { "code": "too-long", "message": "must be at most 200 characters long, is 231", "pointer": "#/title" },
    })
}

fn codes() -> Value {
    let words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let lines: Vec<_> =
        Code::ALL.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.title())).collect();
    json!({
        "type": "string", "enum": words, "example": "not-found",
        "description": format!("The word that names a kind of failure.\n\n{}", lines.join("\n")),
    })
}

fn entry_codes() -> Value {
    let words: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "string", "enum": words, "example": "too-long",
        "description": "The rule that a place in the request breaks.",
    })
}

fn security() -> Value {
    json!({
        "stripe_signature": signature("Stripe-Signature", "`t=SECONDS,v1=HEX`: HMAC-SHA256 over the time, a full stop and the body, by a secret of the endpoint; at most 300 seconds old."),
        "github_signature": signature("X-Hub-Signature-256", "`sha256=HEX`: HMAC-SHA256 over the body by the webhook's secret. `X-GitHub-Delivery` and `X-GitHub-Event` stand beside it."),
        "paypal_signature": signature("PayPal-Transmission-Sig", "RSA with SHA-256, in base64, over `PayPal-Transmission-Id`, `PayPal-Transmission-Time`, the webhook's id and the CRC-32 of the body, by a certificate of PayPal's. `PayPal-Cert-Url` and `PayPal-Auth-Algo` stand beside it."),
        "bearer_jwt": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "An access token from `POST /api/auth/login` or `/api/auth/refresh`: a JWT signed with Ed25519 that lives 15 minutes, made and checked by the rules of RFC8725. The keys are at `/.well-known/jwks.json`.",
        },
        "session_cookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-session",
            "description": "The session cookie that signing in with `cookie: true` sets. Browsers may write with it only from the service's own site or a listed origin.",
        },
        "api_key": {
            "type": "http", "scheme": "bearer", "bearerFormat": "tenon_<id>_<secret>",
            "description": "An API key in the `Authorization` field. It may do what its owner may, within its scopes; the scope of each operation is named there.",
        },
    })
}

/// A header field that proves a request to be that of a provider.
fn signature(field: &str, description: &str) -> Value {
    json!({ "type": "apiKey", "in": "header", "name": field, "description": description })
}
