use poem::http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{codes, document};
use crate::schema::{Params, sorted};

fn compile(parameters: Value) -> Result<Params, String> {
    Params::compile(&document(), parameters.as_array().map(Vec::as_slice).unwrap_or_default())
}

fn params() -> Params {
    let params = compile(json!([
        { "$ref": "#/components/parameters/Limit" },
        { "name": "q", "in": "query", "schema": { "type": "string", "minLength": 2 } },
        { "name": "tag", "in": "query", "style": "form", "explode": true,
          "schema": { "type": "array", "maxItems": 3, "items": { "type": "string", "enum": ["a", "b", "c"] } } },
        { "name": "id", "in": "query", "schema": { "type": "array", "items": { "type": "integer" } } },
        { "name": "draft", "in": "query", "schema": { "type": "boolean" } },
        { "name": "rate", "in": "query", "schema": { "type": "number", "maximum": 10 } },
        { "name": "big", "in": "query", "schema": { "type": "integer" } },
        { "name": "If-None-Match", "in": "header", "schema": { "type": "string", "maxLength": 20 } },
        { "name": "Idempotency-Key", "in": "header", "required": true, "schema": { "type": "string", "format": "uuid" } },
        { "name": "X-Only", "in": "header", "schema": { "type": "array", "items": { "type": "integer" } } },
        { "name": "Accept", "in": "header", "required": true, "schema": { "type": "string" } },
        { "name": "post", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } },
        { "name": "n", "in": "path", "required": true, "schema": { "type": "integer", "maximum": 9 } },
    ]));
    params.unwrap_or_else(|reason| panic!("{reason}"))
}

#[test]
fn parses_queries() {
    for (query, mut expected) in [
        (None, json!({})),
        (Some(""), json!({})),
        (Some("limit=5&q=a+b%26%C3%A4&draft=true"), json!({ "limit": 5, "q": "a b&ä", "draft": true })),
        (Some("tag=a&q=xy&tag=c"), json!({ "tag": ["a", "c"], "q": "xy" })),
        (Some("id=1&id=-2&&rate=1.5e0"), json!({ "id": [1, -2], "rate": 1.5 })),
        (Some("rate=2&%71=a%3Db=c"), json!({ "rate": 2, "q": "a=b=c" })),
        (Some("big=9223372036854775807"), json!({ "big": i64::MAX })),
    ] {
        let mut out = Vec::new();
        let read = params().query(query, &mut out);
        if expected.get("limit").is_none() {
            expected["limit"] = json!(20);
        }
        assert_eq!((out, Value::Object(read)), (Vec::new(), expected), "{query:?}");
    }
}

#[test]
fn reports_all_violations_of_a_query() {
    let long = format!("q={}", "a".repeat(9000));
    let many = "tag=a&".repeat(51);
    for (query, expected) in [
        (
            "limit=0&q=a&draft=1&tag=x&nope=1",
            &["draft type", "limit too-small", "nope unknown", "q too-short", "tag not-in-enum"][..],
        ),
        ("limit=5&limit=6", &["limit duplicate"]),
        ("limit=", &["limit type"]),
        ("limit=05&big=%2B1", &["big type", "limit type"]),
        ("limit=1.0&rate=0x1", &["limit type", "rate type"]),
        ("limit=-&draft=True", &["draft type", "limit type"]),
        ("big=9223372036854775808", &["big too-large"]),
        ("big=-99999999999999999999", &["big too-small"]),
        ("rate=1e999", &["rate too-large"]),
        ("rate=NaN", &["rate type"]),
        ("q=%ff&limit=x", &["limit type", "q encoding"]),
        ("q=100%&x%=1", &["q encoding", "x% encoding"]),
        ("q=a%00b", &["q invalid"]),
        ("=1&a&a", &[" unknown", "a unknown"]),
        ("id=1&id=x&id=y", &["id type", "id type"]),
        ("tag=a&tag=a&tag=a&tag=a", &["tag too-many-items"]),
        (&long, &["? too-long"]),
        (&many, &["? too-many-items"]),
    ] {
        let mut out = Vec::new();
        params().query(Some(query), &mut out);
        assert_eq!(codes(&sorted(out)), expected, "{query}");
    }
}

#[test]
fn messages_have_the_index_of_a_list_value() {
    let mut out = Vec::new();
    params().query(Some("tag=a&tag=z"), &mut out);
    assert_eq!(out[0].message, "value 2: must be a, b or c, got \"z\"");
}

#[test]
fn parses_headers() {
    let key = "01890a5d-ac96-774b-bcce-b302099a8057";
    let read = |lines: &[(&'static str, &[u8])]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap_or_else(|_| panic!("{name}")));
        }
        let mut out = Vec::new();
        let read = params().headers(&headers, &mut out);
        (codes(&sorted(out)), Value::Object(read))
    };
    let key_line = ("idempotency-key", key.as_bytes());
    let lists = read(&[
        key_line,
        ("if-none-match", b"\"a\""),
        ("if-none-match", b"\"b\""),
        ("x-only", b"1, 2,"),
        ("x-only", b"3"),
    ]);
    let expected = json!({ "Idempotency-Key": key, "If-None-Match": "\"a\", \"b\"", "X-Only": [1, 2, 3] });
    assert_eq!(lists, (vec![], expected));
    assert_eq!(read(&[]).0, ["Idempotency-Key required"]);
    assert_eq!(read(&[key_line, key_line]).0, ["Idempotency-Key duplicate"]);
    assert_eq!(
        read(&[("idempotency-key", b"x"), ("x-only", b"a")]).0,
        ["Idempotency-Key format", "X-Only type"]
    );
    assert_eq!(read(&[key_line, ("if-none-match", b"\xff")]).0, ["If-None-Match encoding"]);
}

#[test]
fn parses_paths() {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let mut out = Vec::new();
    let read = params().path(&[("post", id), ("n", "3")], &mut out);
    assert_eq!((Value::Object(read), &out), (json!({ "post": id, "n": 3 }), &vec![]));
    params().path(&[("post", "first"), ("n", "10")], &mut out);
    assert_eq!(codes(&out), ["post format", "n too-large"]);
}

#[test]
fn rejects_unsupported_parameters() {
    for (parameter, reason) in [
        (json!({ "name": "a", "in": "cookie", "schema": { "type": "string" } }), "in: cookie"),
        (json!({ "name": "a", "in": "query", "schema": { "type": "object" } }), "`object`"),
        (json!({ "name": "a", "in": "query", "schema": {} }), "a type"),
        (json!({ "name": "a", "in": "query", "content": {} }), "must have a schema"),
        (
            json!({ "name": "a", "in": "query", "style": "pipeDelimited", "schema": { "type": "string" } }),
            "style",
        ),
        (
            json!({ "name": "a", "in": "query", "explode": false, "schema": { "type": "array", "items": { "type": "string" } } }),
            "explode",
        ),
        (
            json!({ "name": "a", "in": "query", "allowReserved": true, "schema": { "type": "string" } }),
            "allowReserved",
        ),
        (
            json!({ "name": "a", "in": "query", "schema": { "type": "integer", "minimum": 1, "default": 0 } }),
            "default",
        ),
        (json!({ "name": "a", "in": "path", "schema": { "type": "string" } }), "required"),
        (json!({ "name": "a b", "in": "header", "schema": { "type": "string" } }), "header name"),
        (json!({ "in": "query" }), "must have `name`"),
    ] {
        assert!(compile(json!([parameter])).is_err_and(|error| error.contains(reason)), "{parameter}");
    }
}

#[test]
fn later_parameters_replace_earlier_ones() {
    let later = json!([
        { "name": "n", "in": "query", "schema": { "type": "integer" } },
        { "name": "n", "in": "query", "schema": { "type": "string" } },
    ]);
    let mut out = Vec::new();
    let read = compile(later).unwrap_or_default().query(Some("n=x"), &mut out);
    assert_eq!((out, Value::Object(read)), (vec![], json!({ "n": "x" })));
}
