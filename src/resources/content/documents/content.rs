//! Editable fields of a document, as stored in its revisions.
use entity::document;
use poem_openapi::{Object, types::Example};
use serde::{Deserialize, Serialize};

use super::types::Document;
use crate::{
    domain::{
        slug::SlugPath,
        text::{Markdown, Title},
    },
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
    pub document: DocumentSnapshot,
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

/// The editable fields of a document at one time.
#[derive(Debug, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct DocumentSnapshot {
    /// The path of the document in the tree.
    pub path: SlugPath,
    /// The title.
    pub title: Title,
    /// The body text, in Markdown.
    pub content: Markdown<0, 500_000>,
    /// The position in lists, ascending.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub position: i64,
}

impl Content for DocumentSnapshot {
    fn text(&self) -> &str {
        &self.content
    }

    fn fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let DocumentSnapshot { path, title, content: _, position } = self;
        vec![
            ("path", vec![path.to_string()]),
            ("title", vec![title.to_string()]),
            ("position", vec![position.to_string()]),
        ]
    }
}

/// Returns the version in `row` as a revision to be stored.
pub(super) fn revision(row: &document::Model, change: Change, now: i64) -> Result<NewRevision> {
    let content = DocumentSnapshot {
        path: row.path.clone().into(),
        title: row.title.clone().into(),
        content: row.content.clone().into(),
        position: row.position,
    };
    NewRevision::new(Subject::Document(row.id), row.version, change, &content, now)
}

impl Example for DocumentSnapshot {
    fn example() -> Self {
        let Document { path, title, content, position, .. } = Document::example();
        DocumentSnapshot { path, title, content, position }
    }
}

impl Example for DocumentRevision {
    fn example() -> Self {
        DocumentRevision {
            revision: Revision::example(),
            document: DocumentSnapshot::example(),
            location: String::new(),
        }
    }
}
