//! How a document looks on the wire.
use std::{convert::Infallible, fmt, str::FromStr};

use poem_openapi::{Object, registry::MetaSchema, types::Example};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    contract::{
        answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, scalar::string_scalar,
        time::Timestamp,
    },
    resources::trash::Deleted,
};

/// The place of a document in the tree: words with hyphens, slashes between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocPath(pub String);

impl<'de> Deserialize<'de> for DocPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(DocPath)
    }
}

impl FromStr for DocPath {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(DocPath(text.to_owned()))
    }
}

impl fmt::Display for DocPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const PATH: &str = "^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,9}$";

string_scalar!([] DocPath, "path", MetaSchema {
    pattern: Some(PATH.to_owned()),
    min_length: Some(1),
    max_length: Some(500),
    example: Some("guides/getting-started".into()),
    ..MetaSchema::new("string")
});

/// A document as a whole.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// What the document is known by for good.
    pub id: Id<Document>,
    /// Its place in the tree.
    pub path: DocPath,
    /// The heading.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// Its place among its neighbours; lists go by it.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Document {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/docs/{}", self.path)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Shared { max_age: 300, stale: 600 }
    }
}

/// A document as an entry of the tree.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct DocumentSummary {
    /// What the document is known by for good.
    pub id: Id<Document>,
    /// Its place in the tree.
    pub path: DocPath,
    /// The heading.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// Its place among its neighbours.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was put into the trash; only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A document as it shall be from now on.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct DocumentReplacement {
    /// The heading; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: String,
    /// The text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// Its place among its neighbours.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

/// Which part of the tree is listed.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DocumentQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// The document at this path and all below it.
    pub prefix: Option<DocPath>,
    /// Words that the heading contains, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// `only` lists the trash instead, for editors.
    pub deleted: Option<Deleted>,
}

const WRITTEN: Timestamp = Timestamp(1_763_715_600_000);

fn text() -> String {
    "# Getting started\n\nCut the tenon to the mortise.".into()
}

impl Example for Document {
    fn example() -> Self {
        Document {
            id: "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::fresh()),
            path: DocPath("guides/getting-started".into()),
            title: "Getting started".into(),
            content: text(),
            position: 1,
            created_at: WRITTEN,
            updated_at: WRITTEN,
            version: 1,
        }
    }
}

impl Example for DocumentSummary {
    fn example() -> Self {
        let Document { id, path, title, position, updated_at, .. } = Document::example();
        DocumentSummary { id, path, title, position, updated_at, deleted_at: None }
    }
}

impl Example for DocumentReplacement {
    fn example() -> Self {
        DocumentReplacement { title: "Getting started".into(), content: text(), position: 1 }
    }
}

impl Example for DocumentQuery {
    fn example() -> Self {
        DocumentQuery {
            paging: Paging::example(),
            prefix: Some(DocPath("guides".into())),
            q: Some("started".into()),
            deleted: Some(Deleted::Only),
        }
    }
}
