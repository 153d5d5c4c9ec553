//! Validation of command-line values and records against the schemas of the OpenAPI document, like request
//! bodies.
use serde_json::{Value, json};

use super::errors::violations;
use crate::{
    api,
    schema::{Schema, Violation, sorted},
};

/// Validates a request body that is built from command-line options. The error names the invalid options.
pub fn body(schema: &str, body: &Value) -> Result<(), String> {
    validate(schema, body, "#")
}

/// Validates the value of one option against one field of a schema.
pub fn field(schema: &str, field: &str, option: &str, value: &str) -> Result<(), String> {
    validate(&format!("{schema}/properties/{field}"), &json!(value), &format!("#/{option}"))
}

fn validate(schema: &str, value: &Value, at: &str) -> Result<(), String> {
    BodySchema::named(schema)?.validate(value, at).map_err(|found| violations(&found))
}

/// A compiled schema of the OpenAPI document, for validating many values.
pub struct BodySchema(Schema);

impl BodySchema {
    /// Compiles the component schema with this name.
    pub fn named(schema: &str) -> Result<Self, String> {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        Schema::compile(&api::DOCUMENT, &schema).map(BodySchema)
    }

    /// Validates a value. `at` is the JSON pointer of the value, for the violations.
    pub fn validate(&self, value: &Value, at: &str) -> Result<(), Vec<Violation>> {
        let mut violations = Vec::new();
        self.0.validate(value, at, &mut violations);
        if violations.is_empty() { Ok(()) } else { Err(sorted(violations)) }
    }
}
