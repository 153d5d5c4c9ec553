//! How a revision looks on the wire, whatever it is a revision of.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::users::AuthorRef;
use crate::contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, time::Timestamp};

/// One version of something: when it came to be, how, and by whom.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// What the revision is known by.
    pub id: Id<Revision>,
    /// The number of the version, counted from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub version: i64,
    /// How it came to be.
    pub change: Change,
    /// The revision that it brought back, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<Id<Revision>>,
    /// Who wrote it; left out for what the service did by itself, and for who is no user any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<AuthorRef>,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Revision {
    /// What its representation depends on.
    pub(in crate::resources) fn etag(&self) -> ETag {
        let mut parts = vec![self.id.to_string()];
        parts.extend(self.by.iter().flat_map(AuthorRef::parts));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::of_parts(&parts)
    }
}

/// How a version came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is the first.
    Created,
    /// Somebody changed it.
    Changed,
    /// A file was imported.
    Imported,
    /// An earlier revision was brought back.
    Restored,
    /// It was put into the trash.
    Deleted,
    /// It was taken out of the trash.
    Undeleted,
    /// Its time to be published had come.
    Published,
    /// Its time as something published was over.
    Unpublished,
}

impl Change {
    const ALL: [Change; 8] = [
        Change::Created,
        Change::Changed,
        Change::Imported,
        Change::Restored,
        Change::Deleted,
        Change::Undeleted,
        Change::Published,
        Change::Unpublished,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Changed => "changed",
            Change::Imported => "imported",
            Change::Restored => "restored",
            Change::Deleted => "deleted",
            Change::Undeleted => "undeleted",
            Change::Published => "published",
            Change::Unpublished => "unpublished",
        }
    }

    pub(super) fn parse(word: &str) -> Self {
        Change::ALL.into_iter().find(|change| change.as_str() == word).unwrap_or(Change::Changed)
    }
}

/// Which revisions are listed.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevisionQuery {
    #[oai(flatten)]
    pub paging: Paging,
}

/// What a revision is held against.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DiffQuery {
    /// Another revision of the same; left out, the one before.
    pub against: Option<Id<Revision>>,
}

/// What lies between two revisions.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RevisionDiff {
    /// The revision that is looked at.
    pub revision: Id<Revision>,
    /// The revision that it is held against; left out if there is none before it: then all of it is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Id<Revision>>,
    /// The other members that differ.
    #[oai(validator(max_items = "20"))]
    pub members: Vec<MemberChange>,
    /// How the text differs, line by line, as hunks of a unified diff with three lines around each; left out if
    /// it is the same.
    #[oai(validator(min_length = "1", max_length = "8000000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How many lines of the text are new.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub lines_added: i64,
    /// How many lines of the text are gone.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub lines_removed: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) location: String,
}

/// A member that differs.
#[derive(Debug, PartialEq, Eq, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct MemberChange {
    /// The name of the member.
    #[oai(validator(min_length = "1", max_length = "30"))]
    pub member: String,
    /// What it was, as text: one value, several where it is a list, none where it was left out.
    #[oai(validator(max_items = "20", max_length = "2000"))]
    pub before: Vec<String>,
    /// What it is then.
    #[oai(validator(max_items = "20", max_length = "2000"))]
    pub after: Vec<String>,
}

impl Resource for RevisionDiff {
    fn etag(&self) -> ETag {
        let against = self.against.map(|id| id.to_string()).unwrap_or_default();
        ETag::of_parts(&[&self.revision.to_string(), &against])
    }
    fn location(&self) -> String {
        self.location.clone()
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}
