//! Tables of what is accepted and what is refused, one row per keyword, format or rule.
mod combine;
mod compile;
mod format;
mod json;
mod keyword;
mod laws;
mod params;

use serde_json::{Value, json};

use super::{Schema, Violation, in_order};

/// A closed story of a document: what the tests refer to.
fn document() -> Value {
    let branch = |kind: &str, member: &str| {
        json!({
            "type": "object",
            "required": ["kind", member],
            "properties": { "kind": { "type": "string", "enum": [kind] }, member: { "type": "integer" } },
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
    let compiled = Schema::compile(&document(), schema).unwrap_or_else(|why| panic!("{schema}: {why}"));
    compiled.check(value, "#", &mut out);
    in_order(out)
}

/// `place code` of each violation, in order.
fn said(violations: &[Violation]) -> Vec<String> {
    let place = |violation: &Violation| match &violation.place {
        super::Place::Pointer(place) | super::Place::Parameter(place) | super::Place::Header(place) => {
            place.clone()
        }
    };
    violations.iter().map(|violation| format!("{} {}", place(violation), violation.code.as_str())).collect()
}

type Refused = (Value, &'static [&'static str]);

fn table(schema: Value, accepted: &[Value], refused: &[Refused]) {
    for value in accepted {
        assert_eq!(violations(&schema, value), [], "{value} by {schema}");
    }
    for (value, expected) in refused {
        assert_eq!(said(&violations(&schema, value)), *expected, "{value} by {schema}");
    }
}
