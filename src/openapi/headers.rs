//! Shared response headers.
use serde_json::{Map, Value, json};

use super::components::{ID, TAG};
use crate::{
    domain::pattern::{self, Pattern},
    http::operation::ResponseHeader,
};

/// The schema of a header.
enum HeaderSchema {
    /// A pattern and the maximum length.
    Text(Pattern, u32),
    /// A constant.
    Const(&'static str),
    /// A number of seconds, at most one day.
    Seconds,
}

impl HeaderSchema {
    fn schema(&self) -> Value {
        match self {
            HeaderSchema::Text(pattern, max) => {
                json!({ "type": "string", "pattern": pattern.regex, "minLength": 1, "maxLength": max })
            }
            HeaderSchema::Const(value) => json!({ "type": "string", "enum": [value] }),
            HeaderSchema::Seconds => {
                json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 86400 })
            }
        }
    }
}

/// Name, whether it is required, description, schema and example.
const HEADERS: &[(&str, bool, &str, HeaderSchema, &str)] = &[
    (
        "ETag",
        true,
        "The entity tag of this version (RFC 9110, section 8.8.3).",
        HeaderSchema::Text(pattern::ENTITY_TAG, 100),
        TAG,
    ),
    (
        "Last-Modified",
        false,
        "The time of the last change (RFC 9110, section 8.8.2).",
        HeaderSchema::Text(pattern::PRINTABLE, 29),
        "Sat, 21 Nov 2026 09:30:00 GMT",
    ),
    (
        "Cache-Control",
        true,
        "The cache policy (RFC 9111, section 5.2). Shared caches never store responses to authenticated callers.",
        HeaderSchema::Text(pattern::PRINTABLE, 200),
        "private, no-cache",
    ),
    (
        "Cache-Status",
        false,
        "How the response cache of the server handled the request (RFC 9211), if the setting `cache_status` is on.",
        HeaderSchema::Text(pattern::PRINTABLE, 200),
        "tenon; hit",
    ),
    (
        "Content-Disposition",
        true,
        "Whether browsers download or display the file, and its name (RFC 6266).",
        HeaderSchema::Text(pattern::PRINTABLE, 4000),
        "attachment; filename=\"invoice-1.pdf\"; filename*=UTF-8''invoice-1.pdf",
    ),
    (
        "Accept-Ranges",
        true,
        "The supported range unit of `Range` (RFC 9110, section 14.3).",
        HeaderSchema::Const("bytes"),
        "bytes",
    ),
    (
        "Content-Range",
        true,
        "The range of the returned bytes, and the size of the representation (RFC 9110, section 14.4).",
        HeaderSchema::Text(pattern::CONTENT_RANGE, 60),
        "bytes 0-1023/48213",
    ),
    (
        "Vary",
        true,
        "The request headers that the response depends on (RFC 9110, section 12.5.5).",
        HeaderSchema::Text(pattern::PRINTABLE, 200),
        "Accept, Accept-Encoding, Authorization, Cookie",
    ),
    (
        "Location",
        true,
        "The URL of the resource, as an absolute path (RFC 9110, section 10.2.2).",
        HeaderSchema::Text(pattern::ABSOLUTE_PATH, 16000),
        "/api/posts/0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f",
    ),
    (
        "Link",
        true,
        "Links to the `first`, `prev`, `next` and `last` page, where they exist, with all other query parameters (RFC 8288).",
        HeaderSchema::Text(pattern::PRINTABLE, 16000),
        "</api/posts?page=1>; rel=\"first\", </api/posts?page=2>; rel=\"next\"",
    ),
    (
        "Link.deprecated",
        true,
        "Links to the deprecation notes (`deprecation`, `sunset`) and to the successor (`successor-version`) of the operation (RFC 8288).",
        HeaderSchema::Text(pattern::PRINTABLE, 1000),
        "</api/v2/invoices>; rel=\"successor-version\"",
    ),
    (
        "Content-Language",
        true,
        "The language of the response (RFC 9110, section 8.5).",
        HeaderSchema::Text(pattern::LANGUAGE_TAG, 5),
        "fr",
    ),
    (
        "Deprecation",
        true,
        "The time at which the operation was deprecated, as a Unix timestamp (RFC 9745).",
        HeaderSchema::Text(pattern::UNIX_TIME, 20),
        "@1795251600",
    ),
    (
        "Sunset",
        true,
        "The time at which the operation is removed (RFC 8594).",
        HeaderSchema::Text(pattern::PRINTABLE, 29),
        "Sun, 21 Nov 2027 09:00:00 GMT",
    ),
    (
        "Idempotent-Replayed",
        false,
        "`true` if the request repeats an earlier one with the same `Idempotency-Key`.",
        HeaderSchema::Const("true"),
        "true",
    ),
    (
        "Preference-Applied",
        true,
        "The applied preference (RFC 7240, section 3).",
        HeaderSchema::Const("return=minimal"),
        "return=minimal",
    ),
    (
        "Set-Cookie",
        false,
        "Sets or clears the session cookie, or sets the device cookie (RFC 6265, section 4.1).",
        HeaderSchema::Text(pattern::PRINTABLE, 500),
        "__Host-session=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    ),
    (
        "X-Request-Id",
        true,
        "The id of the request: the one sent by the client, or a new UUIDv7. It is the `trace` of problems.",
        HeaderSchema::Text(pattern::TOKEN, 64),
        ID,
    ),
    ("X-Accel-Buffering", true, "Disables response buffering in proxies.", HeaderSchema::Const("no"), "no"),
    (
        "X-Robots-Tag",
        false,
        "Excludes previews from search engines.",
        HeaderSchema::Const("noindex"),
        "noindex",
    ),
    (
        "RateLimit",
        false,
        "The remaining requests `r` of each limit, reset in `t` seconds. In a 429 response, `r=0` marks the exceeded limit.",
        HeaderSchema::Text(pattern::PRINTABLE, 400),
        "\"anonymous-burst\";r=59;t=1",
    ),
    (
        "RateLimit-Policy",
        false,
        "The rate limits of the request: `q` requests per `w` seconds, on average and in a burst.",
        HeaderSchema::Text(pattern::PRINTABLE, 400),
        "\"anonymous\";q=300;w=60, \"anonymous-burst\";q=60;w=12",
    ),
    (
        "Access-Control-Allow-Origin",
        false,
        "The origin of the request, if it is an allowed origin; `*` for the bytes of images (Fetch Standard, section 3.3.3).",
        HeaderSchema::Text(pattern::PRINTABLE, 300),
        "https://www.acme.test",
    ),
    (
        "Access-Control-Allow-Credentials",
        false,
        "Allows the origin to send the session cookie (Fetch Standard, section 3.3.3).",
        HeaderSchema::Const("true"),
        "true",
    ),
    (
        "Access-Control-Expose-Headers",
        false,
        "The headers that scripts of the origin may read (Fetch Standard, section 3.3.3).",
        HeaderSchema::Text(pattern::PRINTABLE, 300),
        "ETag, Link, Location",
    ),
    (
        "Retry-After",
        true,
        "The number of seconds to wait before a retry (RFC 9110, section 10.2.3).",
        HeaderSchema::Seconds,
        "30",
    ),
    (
        "WWW-Authenticate",
        true,
        "The authentication scheme and the error (RFC 6750, section 3).",
        HeaderSchema::Text(pattern::PRINTABLE, 300),
        "Bearer realm=\"tenon\"",
    ),
    (
        "Accept",
        false,
        "The accepted media types of the body (RFC 9110, section 15.5.16).",
        HeaderSchema::Text(pattern::PRINTABLE, 200),
        "application/json",
    ),
];

/// Headers that also have an optional variant, for statuses where only some responses have them.
const OPTIONAL: [&str; 3] = ["Retry-After", "Vary", "WWW-Authenticate"];

/// Returns the components of all headers.
pub fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, required, description, form, example) in HEADERS {
        let example = match form {
            HeaderSchema::Seconds => json!(example.parse::<i64>().unwrap_or_default()),
            _ => json!(example),
        };
        let mut schema = form.schema();
        schema["example"] = example.clone();
        let header =
            json!({ "description": description, "required": required, "schema": schema, "example": example });
        if OPTIONAL.contains(name) {
            let mut optional = header.clone();
            optional["required"] = json!(false);
            all.insert(component_name(ResponseHeader { name, always: false }), optional);
        }
        all.insert((*name).to_owned(), header);
    }
    all
}

/// Returns the name of the component that describes a header: `Vary`, or `Vary.optional`.
pub fn component_name(header: ResponseHeader) -> String {
    if header.always { header.name.to_owned() } else { format!("{}.optional", header.name) }
}
