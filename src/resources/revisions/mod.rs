//! Revisions: what posts and documents were, version by version, and what lies between two versions.
mod diff;
mod example;
mod service;
mod types;

pub use diff::{Content, compared};
pub use service::{Past, Subject, Written, keep, page, past};
pub use types::{Change, DiffQuery, MemberChange, Revision, RevisionDiff, RevisionQuery};
