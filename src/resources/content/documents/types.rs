//! Request and response bodies of documents.
use std::{convert::Infallible, fmt, str::FromStr};

use poem_openapi::{Object, registry::MetaSchema, types::Example};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    domain::{id::Id, scalar::string_scalar, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::content::trash::Deleted,
};

/// The path of a document in the tree: one to ten slugs, separated by slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentPath(pub String);

impl<'de> Deserialize<'de> for DocumentPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(DocumentPath)
    }
}

impl FromStr for DocumentPath {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(DocumentPath(text.to_owned()))
    }
}

impl fmt::Display for DocumentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const PATH: &str = "^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,9}$";

string_scalar!([] DocumentPath, "path", MetaSchema {
    pattern: Some(PATH.to_owned()),
    min_length: Some(1),
    max_length: Some(500),
    example: Some("guides/getting-started".into()),
    ..MetaSchema::new("string")
});

/// A document with its text.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The unique, permanent identifier.
    pub id: Id<Document>,
    /// The path of the document in the tree.
    pub path: DocumentPath,
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// The position in lists, ascending. Documents with the same position are sorted by path.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
    /// The creation time.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
}

impl Resource for Document {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/documents/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Shared { s_maxage: 300, stale_while_revalidate: 600 }
    }
}

/// A document in a list, without its text.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct DocumentSummary {
    /// The unique, permanent identifier.
    pub id: Id<Document>,
    /// The path of the document in the tree.
    pub path: DocumentPath,
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The position in lists, ascending.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The deletion time; included only with `deleted=only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A new document, or the replacement of a document.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct NewDocument {
    /// The path of the document in the tree; must be unique.
    pub path: DocumentPath,
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// The position in lists, ascending.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

/// A change of a document. Another `path` moves it.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DocumentPatch {
    /// The new path of the document; must be unique. Documents below it are not moved.
    pub path: Option<DocumentPath>,
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: Option<String>,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: Option<String>,
    /// The position in lists, ascending.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: Option<i64>,
}

/// A document at the path in the URL.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct DocumentReplacement {
    /// The title; leading and trailing white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "200",
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000]*$"
    ))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// The position in lists, ascending.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

impl DocumentReplacement {
    /// Returns the document to write at `path`.
    pub fn at(self, path: DocumentPath) -> NewDocument {
        let DocumentReplacement { title, content, position } = self;
        NewDocument { path, title, content, position }
    }
}

/// Filters of a list of documents.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DocumentQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// The root of a subtree: the document at this path and all documents below it.
    pub prefix: Option<DocumentPath>,
    /// Search terms, separated by spaces. The title must contain all of them; case and accents are ignored.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// `only` lists deleted documents instead; for editors.
    pub deleted: Option<Deleted>,
}

const CREATED: Timestamp = Timestamp(1_763_715_600_000);

fn text() -> String {
    "# Getting started\n\nCut the tenon to the mortise.".into()
}

impl Example for Document {
    fn example() -> Self {
        Document {
            id: "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            path: DocumentPath("guides/getting-started".into()),
            title: "Getting started".into(),
            content: text(),
            position: 1,
            created_at: CREATED,
            updated_at: CREATED,
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

impl Example for NewDocument {
    fn example() -> Self {
        let Document { path, title, content, position, .. } = Document::example();
        NewDocument { path, title, content, position }
    }
}

impl Example for DocumentPatch {
    fn example() -> Self {
        DocumentPatch {
            path: Some(DocumentPath("guides/first-steps".into())),
            title: Some("First steps".into()),
            content: None,
            position: Some(2),
        }
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
            paging: PageParams::example(),
            prefix: Some(DocumentPath("guides".into())),
            q: Some("started".into()),
            deleted: Some(Deleted::Only),
        }
    }
}
