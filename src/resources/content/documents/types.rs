//! Request and response bodies of documents.
use macros::MergePatch;
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        slug::SlugPath,
        text::{Markdown, SearchTerms, Title},
        timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::content::trash::Deleted,
};

/// A document with its text.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The unique, permanent identifier.
    pub id: Id<Document>,
    /// The path of the document in the tree.
    pub path: SlugPath,
    /// The title.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<0, 500_000>,
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
    pub path: SlugPath,
    /// The title.
    pub title: Title,
    /// The position in lists, ascending.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The deletion time; included only with `deleted=only`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

/// A document to create, or the replacement of a document.
#[derive(Debug, Clone, Object, MergePatch)]
#[oai(rename_all = "camelCase", example)]
pub struct DocumentInput {
    /// The path of the document in the tree; must be unique.
    #[merge_patch(doc = "The new path of the document; must be unique. Documents below it are not moved.")]
    pub path: SlugPath,
    /// The title; leading and trailing white space is removed.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<0, 500_000>,
    /// The position in lists, ascending.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

/// A document at the path in the URL.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", example)]
pub struct DocumentByPathInput {
    /// The title; leading and trailing white space is removed.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<0, 500_000>,
    /// The position in lists, ascending.
    #[oai(default, validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

impl DocumentByPathInput {
    /// Returns the document to write at `path`.
    pub fn at(self, path: SlugPath) -> DocumentInput {
        let DocumentByPathInput { title, content, position } = self;
        DocumentInput { path, title, content, position }
    }
}

/// Filters of a list of documents.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DocumentQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// The root of a subtree: the document at this path and all documents below it.
    pub prefix: Option<SlugPath>,
    /// Search terms, separated by spaces. The title must contain all of them; case and accents are ignored.
    pub q: Option<SearchTerms>,
    /// `only` lists deleted documents instead; for editors.
    pub deleted: Option<Deleted>,
}

const CREATED: Timestamp = Timestamp(1_763_715_600_000);

fn text() -> Markdown<0, 500_000> {
    "# Getting started\n\nCut the tenon to the mortise.".into()
}

impl Example for Document {
    fn example() -> Self {
        Document {
            id: "0199c0de-2222-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::generate()),
            path: "guides/getting-started".into(),
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

impl Example for DocumentInput {
    fn example() -> Self {
        let Document { path, title, content, position, .. } = Document::example();
        DocumentInput { path, title, content, position }
    }
}

impl Example for DocumentByPathInput {
    fn example() -> Self {
        DocumentByPathInput { title: "Getting started".into(), content: text(), position: 1 }
    }
}

impl Example for DocumentQuery {
    fn example() -> Self {
        DocumentQuery {
            paging: PageParams::example(),
            prefix: Some("guides".into()),
            q: Some("started".into()),
            deleted: Some(Deleted::Only),
        }
    }
}
