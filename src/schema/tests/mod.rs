//! Tables of accepted and rejected values, one row per keyword, format or rule.
mod combine;
mod compile;
mod format;
mod json;
mod keywords;
mod params;
mod properties;

use serde_json::{Value, json};

use super::{Schema, Violation, sorted};

/// An OpenAPI document with the components that the tests use.
fn document() -> Value {
    let branch = |kind: &str, field: &str| {
        json!({
            "type": "object",
            "required": ["kind", field],
            "properties": { "kind": { "type": "string", "enum": [kind] }, field: { "type": "integer" } },
            "additionalProperties": false,
        })
    };
    json!({ "components": {
        "schemas": {
            "Name": { "type": "string", "minLength": 1, "maxLength": 5, "description": "A name." },
            "Comment": {
                "type": "object",
                "required": ["text"],
                "properties": {
                    "text": { "$ref": "#/components/schemas/Name" },
                    "replies": { "type": "array", "maxItems": 3, "items": { "$ref": "#/components/schemas/Comment" } },
                },
                "additionalProperties": false,
            },
            "Circle": branch("circle", "radius"),
            "Square": branch("square", "side"),
            "Shape": {
                "oneOf": [{ "$ref": "#/components/schemas/Circle" }, { "$ref": "#/components/schemas/Square" }],
                "discriminator": { "propertyName": "kind", "mapping": {
                    "circle": "#/components/schemas/Circle", "square": "#/components/schemas/Square",
                } },
            },
            "Limit": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 100, "default": 20 },
        },
        "parameters": {
            "Limit": { "name": "limit", "in": "query", "schema": { "$ref": "#/components/schemas/Limit" } },
        },
    } })
}

fn violations(schema: &Value, value: &Value) -> Vec<Violation> {
    let mut out = Vec::new();
    let compiled = Schema::compile(&document(), schema).unwrap_or_else(|reason| panic!("{schema}: {reason}"));
    compiled.validate(value, "#", &mut out);
    sorted(out)
}

/// Returns `location code` of each violation, in order.
fn codes(violations: &[Violation]) -> Vec<String> {
    let location = |violation: &Violation| match &violation.location {
        super::Location::Pointer(text) | super::Location::Parameter(text) | super::Location::Header(text) => {
            text.clone()
        }
    };
    violations
        .iter()
        .map(|violation| format!("{} {}", location(violation), violation.code.as_str()))
        .collect()
}

type Rejected = (Value, &'static [&'static str]);

fn table(schema: Value, accepted: &[Value], rejected: &[Rejected]) {
    for value in accepted {
        assert_eq!(violations(&schema, value), [], "{value} by {schema}");
    }
    for (value, expected) in rejected {
        assert_eq!(codes(&violations(&schema, value)), *expected, "{value} by {schema}");
    }
}
