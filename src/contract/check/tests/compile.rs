use serde_json::{Value, json};

use super::{
    super::{Compiler, Schema},
    document,
};

fn refused(schema: Value, why: &str) {
    match Schema::compile(&document(), &schema) {
        Ok(_) => panic!("{schema} was accepted"),
        Err(message) => assert!(message.contains(why), "{schema}: {message}"),
    }
}

#[test]
fn what_is_not_enforced_is_not_accepted() {
    refused(json!({ "nullable": true }), "nullable: this keyword is not enforced");
    refused(json!({ "properties": { "a": { "not": {} } } }), "a: not");
    refused(json!({ "format": "hostname" }), "`hostname` is not enforced");
    refused(json!({ "type": "text" }), "`text` is not a type");
    refused(json!({ "type": [] }), "names no type");
    refused(json!({ "minLength": -1 }), "whole number");
    refused(json!({ "multipleOf": 0 }), "above 0");
    refused(json!({ "anyOf": [] }), "at least one");
    refused(json!({ "oneOf": [{ "type": "string" }] }), "discriminator");
    refused(json!(true), "a schema is an object");
    refused(json!({ "$ref": "#/components/schemas/Nobody" }), "names no component");
    refused(json!({ "$ref": "https://example.com/schema" }), "names no component");
    let annotated =
        json!({ "title": "", "example": 1, "default": 1, "deprecated": true, "x-any": {}, "readOnly": true });
    assert!(Schema::compile(&document(), &annotated).is_ok());
}

#[test]
fn patterns_that_differ_between_engines_are_refused() {
    for pattern in
        [r"(?=a)", r"(?i)a", r"(a)\1", r"\A", r"\z", r"\ba\B", "(?P<a>b)", "[", "a++", "[]a]", "\\"]
    {
        refused(json!({ "pattern": pattern }), "pattern");
    }
}

#[test]
fn a_union_and_its_mapping_agree() {
    let union = |mapping: Value| {
        json!({
            "oneOf": [{ "$ref": "#/components/schemas/Circle" }, { "$ref": "#/components/schemas/Square" }],
            "discriminator": { "propertyName": "kind", "mapping": mapping },
        })
    };
    refused(union(json!({ "circle": "#/components/schemas/Circle" })), "every branch");
    refused(
        union(json!({ "a": "#/components/schemas/Circle", "b": "#/components/schemas/Name" })),
        "every branch",
    );
}

#[test]
fn a_schema_that_has_no_end_is_refused() {
    let document = json!({ "components": { "schemas": {
        "A": { "allOf": [{ "$ref": "#/components/schemas/B" }] },
        "B": { "properties": { "c": { "$ref": "#/components/schemas/C" } }, "anyOf": [{ "$ref": "#/components/schemas/C" }] },
        "C": { "$ref": "#/components/schemas/A" },
    } } });
    let mut compiler = Compiler::new(&document);
    for name in ["A", "B", "C", "A"] {
        let compiled = compiler.schema(&json!({ "$ref": format!("#/components/schemas/{name}") }));
        assert!(compiled.is_err_and(|why| why.contains("refers to itself")), "{name}");
    }
}

#[test]
fn a_failure_leaves_nothing_behind_that_passes_everything() {
    let document = json!({ "components": { "schemas": { "Bad": { "type": "string", "not": {} } } } });
    let mut compiler = Compiler::new(&document);
    let bad = json!({ "$ref": "#/components/schemas/Bad" });
    assert!(compiler.schema(&bad).is_err() && compiler.schema(&bad).is_err());
}
