//! Documents: documentation pages in a tree, addressed by path.
mod api;
mod content;
mod import;
mod revisions;
mod revisions_api;
mod service;
mod trash;
mod types;

pub use api::DocsApi;
pub use import::ImportedDocument;
pub use revisions_api::DocRevisionsApi;
pub use service::Docs;

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Docs", description: "Documentation: a tree of pages, addressed by path." };
