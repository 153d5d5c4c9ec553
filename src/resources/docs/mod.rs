//! Documents: pages of documentation in a tree, by path.
mod api;
mod import;
mod service;
mod types;

pub use api::DocsApi;
pub use import::ImportedDocument;
pub use service::Docs;
