//! Rules for the schemas and parameters of the OpenAPI document.
use serde_json::{Value, json};
use tenon::schema::{Schema, pattern_message};

use crate::{
    document,
    traverse::{operations, resolve, schemas},
};

/// Asserts a rule for every schema; lists the pointers of the schemas that violate it.
fn check(rule: &str, holds: impl Fn(&str, &Value) -> bool) {
    let violations: Vec<String> =
        schemas(document()).into_iter().filter(|(at, schema)| !holds(at, schema)).map(|(at, _)| at).collect();
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}

fn is_type(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
}

fn has_all(schema: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| schema.get(key).is_some())
}

#[test]
pub fn strings_have_a_length() {
    check("a string has minLength and maxLength, or an enum", |_, schema| {
        !is_type(schema, "string")
            || has_all(schema, &["enum"])
            || has_all(schema, &["maxLength", "minLength"])
    });
    check("a pattern is anchored", |_, schema| {
        schema["pattern"].as_str().is_none_or(|pattern| pattern.starts_with('^') && pattern.ends_with('$'))
    });
    check("a pattern has a message", |_, schema| {
        schema["pattern"].as_str().is_none_or(|pattern| pattern_message(pattern).is_some())
    });
}

#[test]
pub fn patterns_are_portable() {
    check("a pattern is short ASCII with one meaning in all engines", |_, schema| {
        schema["pattern"].as_str().is_none_or(is_portable)
    });
}

/// Returns whether a pattern compiles unchanged in ECMAScript (with and without the flag `u`), Python, Java, RE2 and
/// Rust.
fn is_portable(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    let mut valid_escapes = true;
    while let Some(c) = chars.next() {
        if c == '\\' {
            // The flag `u` rejects escapes of other characters. `/` needs none.
            valid_escapes &= chars.next().is_some_and(|c| r"dDsSwWbBt^$\.*+?()[]{}|".contains(c));
        }
    }
    let look_around = ["(?=", "(?!", "(?<"].iter().any(|group| pattern.contains(group));
    let printable = pattern.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    pattern.len() <= 120 && printable && valid_escapes && !look_around && regex::Regex::new(pattern).is_ok()
}

#[test]
fn rejects_patterns_that_are_not_portable() {
    let long = format!("^{}$", "a".repeat(120));
    for pattern in
        ["^\\u0021$", "^\\x21$", "^\t$", "^é$", "^(?!a)$", "^a\\/b$", "^[a\\-b]$", "^(a$", long.as_str()]
    {
        assert!(!is_portable(pattern), "{pattern}");
    }
    assert!(is_portable(r"^(0(\.[0-9]{1,4})?|[^\s/\\]+)$"));
}

#[test]
pub fn numbers_and_arrays_are_bounded() {
    check("an integer has a format, a minimum and a maximum", |_, schema| {
        !is_type(schema, "integer")
            || (has_all(schema, &["minimum", "maximum"])
                && ["int32", "int64"].iter().any(|f| schema["format"] == *f))
    });
    check("an array has items, minItems and maxItems", |_, schema| {
        !is_type(schema, "array") || has_all(schema, &["items", "minItems", "maxItems"])
    });
}

#[test]
pub fn objects_are_closed_components_with_descriptions() {
    check("an object has additionalProperties", |_, schema| {
        !is_type(schema, "object")
            || schema["additionalProperties"] == false
            || schema["additionalProperties"].is_object()
    });
    check("an object is a named component", |at, schema| {
        !is_type(schema, "object")
            || at.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'))
    });
    check("a required property is declared", |_, schema| {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        required.into_iter().all(|name| schema["properties"].get(name).is_some())
    });
    for (name, schema) in document()["components"]["schemas"].as_object().into_iter().flatten() {
        assert!(
            schema["description"].as_str().is_some_and(|text| text.len() > 5),
            "{name} has no description"
        );
        for (property, inner) in schema["properties"].as_object().into_iter().flatten() {
            let has_description =
                inner.get("description").is_some() || resolve(document(), inner).get("description").is_some();
            assert!(has_description, "{name}.{property} has no description");
            let is_reference = inner.get("$ref").is_some() || inner.get("anyOf").is_some();
            assert!(
                is_reference || inner.get("example").is_some() || schema.get("example").is_some(),
                "{name}.{property} has no example"
            );
        }
    }
}

#[test]
pub fn only_merge_patches_accept_null() {
    let in_patch = |at: &str| at.split('/').nth(3).is_some_and(|name| name.ends_with("Patch"));
    check("only merge patches accept null", |at, schema| {
        !is_type(schema, "null") && !schema["type"].is_array() || in_patch(at)
    });
}

#[test]
pub fn parameters_have_a_description_and_an_example() {
    for op in operations(document()) {
        for parameter in op.parameters(document()) {
            let at = format!("{} {}", op.id(), parameter["name"]);
            assert!(
                parameter["description"].as_str().is_some_and(|text| text.len() > 5),
                "{at} has no description"
            );
            assert!(parameter.get("example").is_some(), "{at} has no example");
            let schema = resolve(document(), &parameter["schema"]);
            let compiled =
                Schema::compile(document(), schema).unwrap_or_else(|error| panic!("{at}: {error}"));
            let mut violations = Vec::new();
            compiled.validate(&parameter["example"], "", &mut violations);
            assert!(violations.is_empty(), "{at}: {violations:?}");
        }
    }
}

#[test]
pub fn examples_are_valid() {
    let check_example = |at: &str, schema: &Value, example: &Value| {
        let compiled = Schema::compile(document(), schema).unwrap_or_else(|error| panic!("{at}: {error}"));
        let mut violations = Vec::new();
        compiled.validate(example, "", &mut violations);
        assert!(violations.is_empty(), "{at}: {violations:?}");
    };
    for (at, schema) in schemas(document()) {
        if let Some(example) = schema.get("example") {
            check_example(&at, schema, example);
        }
    }
    let mut count = 0;
    for op in operations(document()) {
        let request = op.object["requestBody"]["content"].as_object().into_iter().flatten();
        let responses = op.object["responses"].as_object().into_iter().flatten();
        let responses = responses.flat_map(|(_, response)| {
            resolve(document(), response)["content"].as_object().into_iter().flatten()
        });
        for (media, content) in request.chain(responses) {
            let named =
                content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for example in content.get("example").into_iter().chain(named) {
                check_example(&format!("{} {media}", op.id()), &content["schema"], example);
                count += 1;
            }
        }
    }
    assert!(count > 100, "expected more than 100 examples, found {count}");
}

#[test]
pub fn an_invalid_example_is_detected() {
    let schema = &document()["components"]["schemas"]["PostInput"];
    let compiled = Schema::compile(document(), schema).unwrap_or_else(|error| panic!("{error}"));
    let mut violations = Vec::new();
    compiled.validate(&json!({ "title": "", "content": "short", "nope": 1 }), "", &mut violations);
    assert_eq!(violations.len(), 4, "{violations:?}");
}
