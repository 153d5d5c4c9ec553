//! The rules of the API for the fields of posts and documents, because an import does not pass the schema validation of
//! requests.
use std::sync::LazyLock;

use poem_openapi::types::Type;
use serde_json::Value;

use crate::{
    domain::{
        slug::SlugPath,
        text::{Markdown, PersonName, TagName, Text, Title, WebUrl},
    },
    schema::Schema,
};

pub(super) static TITLE: Rule = Rule::of::<Title>();
pub(super) static AUTHOR: Rule = Rule::of::<PersonName>();
pub(super) static TAG: Rule = Rule::of::<TagName>();
pub(super) static EXCERPT: Rule = Rule::of::<Text<500>>();
pub(super) static COVER_IMAGE: Rule = Rule::of::<WebUrl>();
pub(super) static POST_CONTENT: Rule = Rule::of::<Markdown<10, 200_000>>();
/// The `path` of the front matter, or the path of the file.
pub(super) static POST_SOURCE: Rule = Rule::of::<Text<4096>>();
pub(super) static DOCUMENT_CONTENT: Rule = Rule::of::<Markdown<1, 200_000>>();
pub(super) static DOCUMENT_PATH: Rule = Rule::of::<SlugPath>();

/// The schema of a value type, compiled at its first use.
pub(super) struct Rule(LazyLock<Result<Schema, String>>);

impl Rule {
    const fn of<T: Type>() -> Self {
        Rule(LazyLock::new(compile::<T>))
    }

    /// Validates the text of a field. The error names the field and its first violation.
    pub fn check(&self, field: &str, text: &str) -> Result<(), String> {
        let schema = self.0.as_ref().map_err(|error| format!("{field}: {error}"))?;
        let mut violations = Vec::new();
        schema.validate(&text.into(), "#", &mut violations);
        match violations.first() {
            None => Ok(()),
            Some(violation) => Err(format!("{field}: {}", violation.message)),
        }
    }
}

fn compile<T: Type>() -> Result<Schema, String> {
    let schema = serde_json::to_value(T::schema_ref()).map_err(|error| error.to_string())?;
    Schema::compile(&Value::Null, &schema)
}
