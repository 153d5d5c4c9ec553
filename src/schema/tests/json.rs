use serde_json::{Value, json};

use crate::schema::{ErrorCode, JsonError, Location, MAX_DEPTH, parse};

fn rejection(bytes: &[u8]) -> (String, ErrorCode) {
    match parse(bytes) {
        Err(JsonError::Invalid(violation)) => match violation.location {
            Location::Pointer(pointer) => (pointer, violation.code),
            other => panic!("{other:?}"),
        },
        other => panic!("{}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

#[test]
fn parses_values() {
    let read = |text: &str| parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    for text in [
        "null",
        "true",
        "\"a\\u00e4\\ud83d\\ude00\"",
        "[1,-2,3.5,[]]",
        " {\"a\":{\"b\":[{}]}}\n",
        "18446744073709551615",
    ] {
        assert_eq!(read(text), serde_json::from_str::<Value>(text).unwrap_or_default());
    }
    for (text, integer) in [("1.0", json!(1)), ("-0", json!(0)), ("1e3", json!(1000)), ("-2.0e0", json!(-2))]
    {
        assert_eq!(read(text), integer, "{text}");
    }
    assert_eq!(read("1e300"), json!(1e300));
}

#[test]
fn distinguishes_an_empty_body() {
    assert_eq!(parse(b""), Err(JsonError::Empty));
}

#[test]
fn rejects_malformed_text() {
    for text in [
        "{",
        " ",
        "[1,]",
        "{\"a\":1,}",
        "{} {}",
        "nul",
        "'a'",
        "01",
        "+1",
        "1.",
        "NaN",
        "1e400",
        "\"\u{1}\"",
        "{a:1}",
        "\"\\ud800\"",
        "// a\n1",
        "\"\\x\"",
    ] {
        assert_eq!(rejection(text.as_bytes()), ("#".into(), ErrorCode::Malformed), "{text}");
    }
}

#[test]
fn rejects_other_encodings() {
    for bytes in [&b"\"\xff\""[..], b"\xEF\xBB\xBF{}", b"\"\xed\xa0\x80\"", b"\xff\xfe{\0}\0"] {
        assert_eq!(rejection(bytes), ("#".into(), ErrorCode::Encoding));
    }
}

#[test]
fn rejects_duplicate_names() {
    for (text, pointer) in [
        (r#"{"a":1,"a":1}"#, "#/a"),
        (r#"{"a":1,"\u0061":2}"#, "#/a"),
        (r#"{"x":[0,{"y z":{"b":1,"c":2,"b":3}}]}"#, "#/x/1/y%20z/b"),
    ] {
        assert_eq!(rejection(text.as_bytes()), (pointer.into(), ErrorCode::Duplicate), "{text}");
    }
}

#[test]
fn limits_the_depth() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    let (pointer, code) = rejection(nested(MAX_DEPTH + 1).as_bytes());
    assert_eq!((pointer, code), (format!("#{}", "/0".repeat(MAX_DEPTH)), ErrorCode::TooDeep));
    assert_eq!(rejection("[".repeat(1_000_000).as_bytes()).1, ErrorCode::TooDeep);
    assert_eq!(rejection("{\"a\":".repeat(1_000_000).as_bytes()).1, ErrorCode::TooDeep);
}

#[test]
fn messages_have_the_position_and_no_input() {
    let message = |text: &str| match parse(text.as_bytes()) {
        Err(JsonError::Invalid(violation)) => violation.message,
        other => panic!("{other:?}"),
    };
    assert_eq!(message("{\n secret}"), "must be valid JSON: syntax error at line 2, column 2");
    assert_eq!(message("[1,"), "must be valid JSON: unexpected end of input");
    assert_eq!(message("[1e999]"), "must be valid JSON: number out of range at line 1, column 6");
}
