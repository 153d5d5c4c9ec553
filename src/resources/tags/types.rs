//! How a tag looks on the wire.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

/// A tag, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct TagRef {
    /// What the tag is known by in filters.
    #[oai(validator(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", min_length = "1", max_length = "100"))]
    pub slug: String,
    /// What people read.
    #[oai(validator(min_length = "1", max_length = "50"))]
    pub name: String,
}

impl Example for TagRef {
    fn example() -> Self {
        TagRef { slug: "joinery".into(), name: "Joinery".into() }
    }
}
