//! Documents: documentation pages in a tree, addressed by id or by path.
mod api;
mod by_path_api;
mod content;
mod import;
mod revisions;
mod revisions_api;
mod service;
mod trash;
mod types;

pub use api::DocumentsApi;
pub use by_path_api::DocumentsByPathApi;
pub use import::ImportedDocument;
pub use revisions_api::DocumentRevisionsApi;
pub use service::Documents;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag {
    name: "Documents",
    description: "Documents: a tree of documentation pages, addressed by id or by path.",
};

/// The collections whose changes can change a document or a list of documents.
const COLLECTIONS: &[&str] = &["documents"];
