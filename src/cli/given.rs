//! What is given on the command line, held against the document as a body is.
use serde_json::{Value, json};

use super::told::violations;
use crate::{
    api,
    contract::check::{Schema, Violation, in_order},
};

/// Says which flags are wrong, and how, if `body` is not what the schema of this name asks for.
pub fn fits(schema: &str, body: &Value) -> Result<(), String> {
    hold(schema, body, "#")
}

/// The same for the value of one flag, and a single member of the schema.
pub fn member_fits(schema: &str, member: &str, flag: &str, value: &str) -> Result<(), String> {
    hold(&format!("{schema}/properties/{member}"), &json!(value), &format!("#/{flag}"))
}

fn hold(schema: &str, value: &Value, at: &str) -> Result<(), String> {
    Form::of(schema)?.hold(value, at).map_err(|wrong| violations(&wrong))
}

/// A schema of the document, for many values.
pub struct Form(Schema);

impl Form {
    pub fn of(schema: &str) -> Result<Self, String> {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        Schema::compile(&api::DOCUMENT, &schema).map(Form)
    }

    /// Says what is wrong with a value that stands at this place.
    pub fn hold(&self, value: &Value, at: &str) -> Result<(), Vec<Violation>> {
        let mut wrong = Vec::new();
        self.0.check(value, at, &mut wrong);
        if wrong.is_empty() { Ok(()) } else { Err(in_order(wrong)) }
    }
}
