//! The header fields of answers, each described once.
use serde_json::{Map, Value, json};

use super::components::{ID, TAG};

/// What the value of a field looks like.
enum Form {
    /// A pattern, and the most characters.
    Text(&'static str, u32),
    /// This one value.
    Only(&'static str),
    Seconds,
}

impl Form {
    fn schema(&self) -> Value {
        match self {
            Form::Text(pattern, most) => {
                json!({ "type": "string", "pattern": pattern, "minLength": 1, "maxLength": most })
            }
            Form::Only(value) => json!({ "type": "string", "enum": [value] }),
            Form::Seconds => json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 86400 }),
        }
    }
}

const VISIBLE: &str = "^[\\u0020-\\u007e]+$";
const TAGS: &str = "^(W/)?\"[\\u0021\\u0023-\\u007e]*\"$";

/// Name, whether it is always there, description, form and an example.
const FIELDS: &[(&str, bool, &str, Form, &str)] = &[
    ("ETag", true, "The version of this representation (RFC 9110, 8.8.3).", Form::Text(TAGS, 100), TAG),
    (
        "Last-Modified",
        false,
        "When the resource last changed (RFC 9110, 8.8.2).",
        Form::Text(VISIBLE, 29),
        "Sat, 21 Nov 2026 09:30:00 GMT",
    ),
    (
        "Cache-Control",
        true,
        "Who may keep a copy, and for how long (RFC 9111, 5.2). Answers to a known caller are never shared.",
        Form::Text(VISIBLE, 200),
        "private, no-cache",
    ),
    (
        "Content-Disposition",
        true,
        "That the answer is a file to keep, and under which name (RFC 6266).",
        Form::Text(VISIBLE, 1000),
        "attachment; filename=\"invoice-1.pdf\"; filename*=UTF-8''invoice-1.pdf",
    ),
    (
        "Vary",
        true,
        "The request fields that the answer depends on (RFC 9110, 12.5.5).",
        Form::Text(VISIBLE, 200),
        "Accept, Accept-Encoding, Authorization, Cookie",
    ),
    (
        "Location",
        true,
        "Where the resource is: an absolute path on this service (RFC 9110, 10.2.2).",
        Form::Text("^/[\\u0021-\\u007e]*$", 16000),
        "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
    ),
    (
        "Link",
        true,
        "The pages around this one: first, prev, next and last, where they exist (RFC 8288). Every other parameter is kept.",
        Form::Text(VISIBLE, 16000),
        "</api/posts?page=1>; rel=\"first\", </api/posts?page=2>; rel=\"next\"",
    ),
    (
        "Link.deprecated",
        true,
        "What tells of the end of this operation, and what follows it: deprecation, sunset and successor-version (RFC 8288).",
        Form::Text(VISIBLE, 1000),
        "</api/v2/invoices>; rel=\"successor-version\"",
    ),
    (
        "Content-Language",
        true,
        "The language that the answer is for (RFC 9110, 8.5).",
        Form::Text("^[a-z]{2}(-[A-Z]{2})?$", 5),
        "fr",
    ),
    (
        "Deprecation",
        true,
        "Since when the operation is deprecated, as a Unix time (RFC 9745).",
        Form::Text("^@[0-9]+$", 20),
        "@1795251600",
    ),
    (
        "Sunset",
        true,
        "When the operation stops answering (RFC 8594).",
        Form::Text(VISIBLE, 29),
        "Sun, 21 Nov 2027 09:00:00 GMT",
    ),
    (
        "Idempotent-Replayed",
        false,
        "`true` when this is the kept answer to an earlier request with the same Idempotency-Key.",
        Form::Only("true"),
        "true",
    ),
    (
        "Preference-Applied",
        true,
        "The preference that was honoured (RFC 7240, 3).",
        Form::Only("return=minimal"),
        "return=minimal",
    ),
    (
        "Set-Cookie",
        false,
        "The session cookie, set or cleared (RFC 6265, 4.1).",
        Form::Text(VISIBLE, 500),
        "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    ),
    (
        "X-Request-Id",
        true,
        "The id of the request: the one that the client sent, or a new UUIDv7. It is the problem's `trace`.",
        Form::Text("^[A-Za-z0-9._-]+$", 64),
        ID,
    ),
    ("X-Accel-Buffering", true, "Keeps proxies from holding events back.", Form::Only("no"), "no"),
    ("X-Robots-Tag", false, "Keeps previews out of search engines.", Form::Only("noindex"), "noindex"),
    (
        "RateLimit",
        false,
        "What is left of the caller's budget: `r` requests, full again in `t` seconds.",
        Form::Text(VISIBLE, 200),
        "\"anonymous\";r=59;t=1",
    ),
    (
        "RateLimit-Policy",
        false,
        "The caller's budget: `q` requests in `w` seconds.",
        Form::Text(VISIBLE, 200),
        "\"anonymous\";q=300;w=60",
    ),
    (
        "Access-Control-Allow-Origin",
        false,
        "The origin of the request, if it is on the service's list of allowed origins (Fetch, 3.3.3).",
        Form::Text("^https?://[\\u0021-\\u007e]+$", 300),
        "https://www.acme.test",
    ),
    (
        "Access-Control-Allow-Credentials",
        false,
        "That this origin may call with the session cookie (Fetch, 3.3.3).",
        Form::Only("true"),
        "true",
    ),
    (
        "Access-Control-Expose-Headers",
        false,
        "The fields that this origin's scripts may read (Fetch, 3.3.3).",
        Form::Text(VISIBLE, 300),
        "ETag, Link, Location",
    ),
    ("Retry-After", true, "After how many seconds to try again (RFC 9110, 10.2.3).", Form::Seconds, "30"),
    (
        "WWW-Authenticate",
        true,
        "How to sign in (RFC 6750, 3).",
        Form::Text(VISIBLE, 300),
        "Bearer realm=\"tenon\"",
    ),
    (
        "Accept",
        false,
        "The media types that the operation takes (RFC 9110, 15.5.16).",
        Form::Text(VISIBLE, 200),
        "application/json",
    ),
];

/// Those that some answers of a status have and others have not.
const OPTIONAL: [&str; 2] = ["Retry-After", "WWW-Authenticate"];

pub fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, required, description, form, example) in FIELDS {
        let example = match form {
            Form::Seconds => json!(example.parse::<i64>().unwrap_or_default()),
            _ => json!(example),
        };
        let mut schema = form.schema();
        schema["example"] = example.clone();
        let field =
            json!({ "description": description, "required": required, "schema": schema, "example": example });
        if OPTIONAL.contains(name) {
            let mut optional = field.clone();
            optional["required"] = json!(false);
            all.insert(format!("{name}.optional"), optional);
        }
        all.insert((*name).to_owned(), field);
    }
    all
}
