//! What every schema and parameter says.
use serde_json::{Value, json};
use tenon::schema::{Schema, pattern_message};

use crate::{
    document,
    traverse::{follow, operations, schemas},
};

fn law(says: &str, holds: impl Fn(&str, &Value) -> bool) {
    let broken: Vec<String> =
        schemas(document()).into_iter().filter(|(at, schema)| !holds(at, schema)).map(|(at, _)| at).collect();
    assert!(broken.is_empty(), "{says}:\n{}", broken.join("\n"));
}

fn is(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
}

fn has(schema: &Value, keys: &[&str]) -> bool {
    keys.iter().all(|key| schema.get(key).is_some())
}

#[test]
pub fn strings_are_bounded_and_have_a_form() {
    law("a string has maxLength, or is one of a few words, or a date", |_, schema| {
        !is(schema, "string") || has(schema, &["enum"]) || has(schema, &["maxLength", "minLength"])
    });
    law("a pattern is anchored", |_, schema| {
        schema["pattern"].as_str().is_none_or(|pattern| pattern.starts_with('^') && pattern.ends_with('$'))
    });
    law("a pattern has words", |_, schema| {
        schema["pattern"].as_str().is_none_or(|it| pattern_message(it).is_some())
    });
}

#[test]
pub fn patterns_are_portable() {
    law("a pattern is short ASCII with one meaning in all engines", |_, schema| {
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
    law("an integer has a width and bounds", |_, schema| {
        !is(schema, "integer")
            || (has(schema, &["minimum", "maximum"])
                && ["int32", "int64"].iter().any(|f| schema["format"] == *f))
    });
    law("an array says what it holds and how many", |_, schema| {
        !is(schema, "array") || has(schema, &["items", "minItems", "maxItems"])
    });
}

#[test]
pub fn objects_are_closed_named_and_described() {
    law("an object is closed", |_, schema| {
        !is(schema, "object")
            || schema["additionalProperties"] == false
            || schema["additionalProperties"].is_object()
    });
    law("an object stands among the components, under a name", |at, schema| {
        !is(schema, "object")
            || at.strip_prefix("/components/schemas/").is_some_and(|name| !name.contains('/'))
    });
    law("what is required is described", |_, schema| {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        required.into_iter().all(|name| schema["properties"].get(name).is_some())
    });
    for (name, schema) in document()["components"]["schemas"].as_object().into_iter().flatten() {
        assert!(schema["description"].as_str().is_some_and(|text| text.len() > 5), "{name} is not described");
        for (property, inner) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                inner.get("description").is_some() || follow(document(), inner).get("description").is_some();
            assert!(described, "{name}.{property} is not described");
            let shown = inner.get("$ref").is_some() || inner.get("anyOf").is_some();
            assert!(
                shown || inner.get("example").is_some() || schema.get("example").is_some(),
                "{name}.{property} has no example"
            );
        }
    }
}

#[test]
pub fn nothing_in_an_answer_is_null() {
    let patches = |at: &str| at.split('/').nth(3).is_some_and(|name| name.ends_with("Patch"));
    law("only merge patches take null", |at, schema| {
        !is(schema, "null") && !schema["type"].is_array() || patches(at)
    });
}

#[test]
pub fn parameters_are_described_with_an_example() {
    for op in operations(document()) {
        for parameter in op.parameters(document()) {
            let at = format!("{} {}", op.id(), parameter["name"]);
            assert!(
                parameter["description"].as_str().is_some_and(|text| text.len() > 5),
                "{at} is not described"
            );
            assert!(parameter.get("example").is_some(), "{at} has no example");
            let schema = follow(document(), &parameter["schema"]);
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
    let check = |at: &str, schema: &Value, example: &Value| {
        let compiled = Schema::compile(document(), schema).unwrap_or_else(|error| panic!("{at}: {error}"));
        let mut violations = Vec::new();
        compiled.validate(example, "", &mut violations);
        assert!(violations.is_empty(), "{at}: {violations:?}");
    };
    for (at, schema) in schemas(document()) {
        if let Some(example) = schema.get("example") {
            check(&at, schema, example);
        }
    }
    let mut count = 0;
    for op in operations(document()) {
        let request = op.written["requestBody"]["content"].as_object().into_iter().flatten();
        let answers = op.written["responses"].as_object().into_iter().flatten();
        let answers = answers.flat_map(|(_, response)| {
            follow(document(), response)["content"].as_object().into_iter().flatten()
        });
        for (media, content) in request.chain(answers) {
            let named =
                content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
            for example in content.get("example").into_iter().chain(named) {
                check(&format!("{} {media}", op.id()), &content["schema"], example);
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} examples");
}

#[test]
pub fn an_example_that_is_wrong_is_seen() {
    let schema = &document()["components"]["schemas"]["PostInput"];
    let compiled = Schema::compile(document(), schema).unwrap_or_else(|error| panic!("{error}"));
    let mut violations = Vec::new();
    compiled.validate(&json!({ "title": "", "content": "short", "nope": 1 }), "", &mut violations);
    assert_eq!(violations.len(), 4, "{violations:?}");
}
