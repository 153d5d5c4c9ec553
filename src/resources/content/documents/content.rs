//! Editable fields of a document, as stored in its revisions.
use entity::document;
use poem_openapi::{Object, types::Example};
use serde::{Deserialize, Serialize};

use super::types::{Document, DocumentPath};
use crate::{
    http::{cache_control::CacheControl, etag::ETag, problem::Result, response::Resource},
    resources::content::revisions::{Change, Content, NewRevision, Revision, Subject},
};

/// A revision of a document with its content.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct DocumentRevision {
    #[oai(flatten)]
    #[serde(flatten)]
    pub revision: Revision,
    /// The editable fields of the document in this revision.
    pub document: DocumentContent,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) location: String,
}

impl Resource for DocumentRevision {
    fn etag(&self) -> ETag {
        self.revision.etag()
    }
    fn location(&self) -> String {
        self.location.clone()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// The editable fields of a document.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct DocumentContent {
    /// The path of the document in the tree.
    pub path: DocumentPath,
    /// The title.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub title: String,
    /// The body text, in Markdown.
    #[oai(validator(min_length = "0", max_length = "500000"))]
    pub content: String,
    /// The position in lists, ascending.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

impl Content for DocumentContent {
    fn text(&self) -> &str {
        &self.content
    }

    fn fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let DocumentContent { path, title, content: _, position } = self;
        vec![
            ("path", vec![path.to_string()]),
            ("title", vec![title.clone()]),
            ("position", vec![position.to_string()]),
        ]
    }
}

/// Returns the version in `row` as a revision to be stored.
pub(super) fn revision(row: &document::Model, change: Change, now: i64) -> Result<NewRevision> {
    let content = DocumentContent {
        path: DocumentPath(row.path.clone()),
        title: row.title.clone(),
        content: row.content.clone(),
        position: row.position,
    };
    NewRevision::new(Subject::Document(row.id), row.version, change, &content, now)
}

impl Example for DocumentContent {
    fn example() -> Self {
        let Document { path, title, content, position, .. } = Document::example();
        DocumentContent { path, title, content, position }
    }
}

impl Example for DocumentRevision {
    fn example() -> Self {
        DocumentRevision {
            revision: Revision::example(),
            document: DocumentContent::example(),
            location: String::new(),
        }
    }
}
