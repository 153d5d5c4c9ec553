use serde_json::json;

use super::{table, violations};
use crate::schema::ErrorCode;

#[test]
fn types() {
    table(json!({ "type": "string" }), &[json!("")], &[(json!(5), &["# type"]), (json!(null), &["# type"])]);
    table(
        json!({ "type": "integer" }),
        &[json!(-1), json!(1.0), json!(u64::MAX)],
        &[(json!(1.5), &["# type"]), (json!("1"), &["# type"]), (json!(true), &["# type"])],
    );
    table(json!({ "type": "number" }), &[json!(1), json!(1.5)], &[(json!("1.5"), &["# type"])]);
    table(
        json!({ "type": "boolean" }),
        &[json!(true)],
        &[(json!("true"), &["# type"]), (json!(0), &["# type"])],
    );
    table(json!({ "type": "null" }), &[json!(null)], &[(json!(0), &["# type"])]);
    table(json!({ "type": "array" }), &[json!([])], &[(json!({}), &["# type"])]);
    table(json!({ "type": "object" }), &[json!({})], &[(json!([]), &["# type"])]);
    table(json!({ "type": ["string", "null"] }), &[json!("a"), json!(null)], &[(json!(1), &["# type"])]);
}

#[test]
fn enum_and_const() {
    let colours = json!({ "type": "string", "enum": ["red", "blue"] });
    table(colours, &[json!("red")], &[(json!("Red"), &["# not-in-enum"]), (json!(1), &["# type"])]);
    table(json!({ "const": 1 }), &[json!(1)], &[(json!(2), &["# not-in-enum"])]);
}

#[test]
fn bounds_of_numbers() {
    let closed = json!({ "type": "integer", "minimum": 1, "maximum": 100.0 });
    table(closed, &[json!(1), json!(100)], &[(json!(0), &["# too-small"]), (json!(101), &["# too-large"])]);
    let open = json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 });
    table(open, &[json!(0.5)], &[(json!(0), &["# too-small"]), (json!(1), &["# too-large"])]);
    let exact = json!({ "type": "integer", "maximum": 9_007_199_254_740_992_u64 });
    table(
        exact,
        &[json!(9_007_199_254_740_992_u64)],
        &[(json!(9_007_199_254_740_993_u64), &["# too-large"])],
    );
    let int32 = json!({ "type": "integer", "format": "int32" });
    table(
        int32,
        &[json!(i32::MIN), json!(i32::MAX)],
        &[(json!(2_147_483_648_u64), &["# too-large"]), (json!(-2_147_483_649_i64), &["# too-small"])],
    );
    let int64 = json!({ "type": "integer", "format": "int64" });
    table(
        int64,
        &[json!(i64::MIN), json!(i64::MAX)],
        &[(json!(i64::MAX as u64 + 1), &["# too-large"]), (json!(-1e19), &["# too-small"])],
    );
}

#[test]
fn multiples() {
    table(json!({ "multipleOf": 5 }), &[json!(0), json!(-10)], &[(json!(7), &["# invalid"])]);
    table(json!({ "multipleOf": 0.01 }), &[json!(19.99), json!(3)], &[(json!(0.001), &["# invalid"])]);
}

#[test]
fn lengths_count_characters() {
    let schema = json!({ "type": "string", "minLength": 2, "maxLength": 3 });
    table(
        schema,
        &[json!("äö"), json!("😀😀😀")],
        &[(json!("ä"), &["# too-short"]), (json!("😀😀😀😀"), &["# too-long"])],
    );
}

#[test]
fn patterns_have_ecma_262_semantics() {
    let slug = json!({ "type": "string", "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$" });
    table(slug, &[json!("a-1")], &[(json!("a-"), &["# pattern"]), (json!("a\n"), &["# pattern"])]);
    table(json!({ "pattern": r"^\d$" }), &[json!("1")], &[(json!("١"), &["# pattern"])]);
    table(json!({ "pattern": r"^[\w[&&~/-]+$" }), &[json!("a_[&~/-")], &[(json!("ä"), &["# pattern"])]);
    table(
        json!({ "pattern": r"^\S.*\S$" }),
        &[json!("a b")],
        &[(json!("\u{feff}a"), &["# pattern"]), (json!("a\u{2028}b"), &["# pattern"])],
    );
    table(json!({ "pattern": "b" }), &[json!("abc")], &[(json!("ac"), &["# pattern"])]);
    table(json!({ "pattern": r"^\u00e4\/\.\<$" }), &[json!("ä/.<")], &[]);
}

#[test]
fn arrays() {
    let schema = json!({
        "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": { "type": "integer" },
    });
    table(
        schema,
        &[json!([1]), json!([1, 2, 3])],
        &[
            (json!([]), &["# too-few-items"]),
            (json!([1, 2, 3, 4]), &["# too-many-items"]),
            (json!([1, 2, 1]), &["#/2 not-unique"]),
            (json!([1, "a", null]), &["#/1 type", "#/2 type"]),
        ],
    );
    let many = json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3]);
    table(json!({ "uniqueItems": true }), &[json!([{}, []])], &[(many, &["#/10 not-unique"])]);
}

#[test]
fn objects() {
    let schema = json!({
        "type": "object",
        "required": ["a"],
        "properties": { "a": { "type": "integer" }, "b~/c d": { "type": "string" } },
        "additionalProperties": false,
        "maxProperties": 2,
    });
    table(
        schema,
        &[json!({ "a": 1 }), json!({ "a": 1, "b~/c d": "" })],
        &[
            (json!({}), &["#/a required"]),
            (
                json!({ "a": "1", "b~/c d": 2, "zzz": 3 }),
                &["# too-many-items", "#/a type", "#/b~0~1c%20d type", "#/zzz unknown"],
            ),
        ],
    );
    let map = json!({ "type": "object", "additionalProperties": { "type": "integer" }, "minProperties": 1 });
    table(
        map,
        &[json!({ "x": 1 })],
        &[(json!({}), &["# too-few-items"]), (json!({ "x": "" }), &["#/x type"])],
    );
}

#[test]
fn rejects_nul_everywhere() {
    table(
        json!({}),
        &[json!({ "a": "b" })],
        &[
            (json!("a\0"), &["# invalid"]),
            (json!({ "a": ["\0"], "b\0": 1 }), &["#/a/0 invalid", "#/b%00 invalid"]),
        ],
    );
}

#[test]
fn messages_state_the_rule_and_the_value() {
    let message =
        |schema, value| violations(&schema, &value).into_iter().map(|v| v.message).collect::<Vec<_>>();
    assert_eq!(message(json!({ "maxLength": 2 }), json!("abc")), ["must be at most 2 characters, got 3"]);
    assert_eq!(message(json!({ "minLength": 1 }), json!("")), ["must be at least 1 character, got 0"]);
    let both = json!({ "minLength": 1, "maxLength": 200 });
    assert_eq!(message(both, json!("")), ["must be 1 to 200 characters, got 0"]);
    assert_eq!(
        message(json!({ "minLength": 0, "maxLength": 1 }), json!("ab")),
        ["must be at most 1 character, got 2"]
    );
    assert_eq!(
        message(json!({ "minLength": 3, "maxLength": 3 }), json!("ab")),
        ["must be 3 characters, got 2"]
    );
    assert_eq!(message(json!({ "minimum": 1, "maximum": 100 }), json!(0)), ["must be 1 to 100, got 0"]);
    assert_eq!(
        message(json!({ "type": ["string", "null"] }), json!(1)),
        ["must be null or a string, got an integer"]
    );
    assert_eq!(message(json!({ "enum": ["a", "b", "c"] }), json!("x")), ["must be a, b or c, got \"x\""]);
    assert_eq!(message(json!({ "minItems": 1 }), json!([])), ["must have at least 1 item, got 0"]);
    let closed = json!({ "properties": { "a": {}, "b": {} }, "additionalProperties": false });
    assert_eq!(message(closed, json!({ "x": 1 })), ["is not a known field: remove it, or use a or b"]);
}

#[test]
fn codes_are_unique_and_in_kebab_case() {
    let names: std::collections::BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), ErrorCode::ALL.len());
    assert_eq!(serde_json::to_value(ErrorCode::TooFewItems).ok(), Some(json!("too-few-items")));
    assert!(names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
}

#[test]
fn rejects_nul_in_every_string() {
    let nul = &["# invalid"][..];
    table(json!({ "type": "string" }), &[json!("a\u{1}")], &[(json!("a\0"), nul)]);
    table(json!({}), &[], &[(json!({ "a": ["\0"] }), &["#/a/0 invalid"])]);
}
