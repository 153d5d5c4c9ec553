//! Slugs in paths: lower-case words with hyphens between them.
use std::{convert::Infallible, fmt, str::FromStr};

use poem_openapi::registry::MetaSchema;

use super::scalar::string_scalar;

/// The name of a resource in an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub String);

impl FromStr for Slug {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Slug(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_scalar!([] Slug, "slug", MetaSchema {
    pattern: Some("^[a-z0-9]+(-[a-z0-9]+)*$".to_owned()),
    min_length: Some(1),
    max_length: Some(120),
    example: Some("a-joint-that-fits".into()),
    ..MetaSchema::new("string")
});
