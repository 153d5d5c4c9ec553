use serde_json::{Value, json};

use super::document;
use crate::schema::{Compiler, Schema};

fn rejects(schema: Value, reason: &str) {
    match Schema::compile(&document(), &schema) {
        Ok(_) => panic!("{schema} was accepted"),
        Err(message) => assert!(message.contains(reason), "{schema}: {message}"),
    }
}

#[test]
fn rejects_unsupported_keywords() {
    rejects(json!({ "nullable": true }), "nullable: this keyword is not supported");
    rejects(json!({ "properties": { "a": { "not": {} } } }), "a: not");
    rejects(json!({ "format": "hostname" }), "`hostname` is not supported");
    rejects(json!({ "type": "text" }), "`text` is not a type");
    rejects(json!({ "type": [] }), "must be a type");
    rejects(json!({ "minLength": -1 }), "non-negative integer");
    rejects(json!({ "multipleOf": 0 }), "more than 0");
    rejects(json!({ "anyOf": [] }), "at least one schema");
    rejects(json!({ "oneOf": [{ "type": "string" }] }), "discriminator");
    rejects(json!(true), "a schema must be an object");
    rejects(json!({ "$ref": "#/components/schemas/Unknown" }), "is not a component");
    rejects(json!({ "$ref": "https://example.com/schema" }), "is not a component");
    let annotated =
        json!({ "title": "", "example": 1, "default": 1, "deprecated": true, "x-any": {}, "readOnly": true });
    assert!(Schema::compile(&document(), &annotated).is_ok());
}

#[test]
fn rejects_patterns_that_are_not_portable() {
    for pattern in
        [r"(?=a)", r"(?i)a", r"(a)\1", r"\A", r"\z", r"\ba\B", "(?P<a>b)", "[", "a++", "[]a]", "\\"]
    {
        rejects(json!({ "pattern": pattern }), "pattern");
    }
}

#[test]
fn rejects_a_mapping_that_differs_from_the_branches() {
    let union = |mapping: Value| {
        json!({
            "oneOf": [{ "$ref": "#/components/schemas/Circle" }, { "$ref": "#/components/schemas/Square" }],
            "discriminator": { "propertyName": "kind", "mapping": mapping },
        })
    };
    rejects(union(json!({ "circle": "#/components/schemas/Circle" })), "every branch");
    rejects(
        union(json!({ "a": "#/components/schemas/Circle", "b": "#/components/schemas/Name" })),
        "every branch",
    );
}

#[test]
fn rejects_schemas_that_do_not_terminate() {
    let document = json!({ "components": { "schemas": {
        "A": { "allOf": [{ "$ref": "#/components/schemas/B" }] },
        "B": { "properties": { "c": { "$ref": "#/components/schemas/C" } }, "anyOf": [{ "$ref": "#/components/schemas/C" }] },
        "C": { "$ref": "#/components/schemas/A" },
    } } });
    let mut compiler = Compiler::new(&document);
    for name in ["A", "B", "C", "A"] {
        let compiled = compiler.schema(&json!({ "$ref": format!("#/components/schemas/{name}") }));
        assert!(compiled.is_err_and(|reason| reason.contains("refers to itself")), "{name}");
    }
}

#[test]
fn a_failed_compilation_leaves_no_empty_schema_behind() {
    let document = json!({ "components": { "schemas": { "Bad": { "type": "string", "not": {} } } } });
    let mut compiler = Compiler::new(&document);
    let bad = json!({ "$ref": "#/components/schemas/Bad" });
    assert!(compiler.schema(&bad).is_err() && compiler.schema(&bad).is_err());
}
