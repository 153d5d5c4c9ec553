//! Revisions of posts and documents: one per version, and the differences between two of them.
mod diff;
mod example;
mod service;
mod types;

pub use diff::{Content, diff_revisions};
pub use service::{NewRevision, StoredRevision, Subject, list_revisions, load_revision, store_revisions};
pub use types::{Change, DiffQuery, FieldChange, Revision, RevisionDiff, RevisionQuery};
