//! Response bodies and query parameters of revisions, shared by posts and documents.
pub use entity::revision::Change;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, text::Text, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::accounts::users::AuthorRef,
};

/// A stored version of a post or a document: the time, the kind and the author of the change.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The unique identifier.
    pub id: Id<Revision>,
    /// The version number, from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub version: i64,
    /// The kind of the change.
    pub change: Change,
    /// The id of the revision that this version restored; omitted for other changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_from: Option<Id<Revision>>,
    /// The user who made the change; omitted for automatic changes and for deleted users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<AuthorRef>,
    /// The time of the change.
    pub created_at: Timestamp,
}

impl Revision {
    /// Returns the ETag. Revisions are immutable, but name and avatar of the user are part of the
    /// representation.
    pub(in crate::resources) fn etag(&self) -> ETag {
        let mut parts = vec![self.id.to_string()];
        parts.extend(self.by.iter().flat_map(AuthorRef::parts));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::from_parts(&parts)
    }
}

/// Query parameters of a list of revisions.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevisionQuery {
    #[oai(flatten)]
    pub paging: PageParams,
}

/// Query parameters of a comparison of revisions.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DiffQuery {
    /// The id of another revision of the same resource. Default: the previous revision.
    pub against: Option<Id<Revision>>,
}

/// The differences between two revisions of a resource.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct RevisionDiff {
    /// The id of the revision.
    pub revision: Id<Revision>,
    /// The id of the revision it is compared with; omitted if no earlier one is stored. Then all content is
    /// new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Id<Revision>>,
    /// The changed fields other than `content`.
    #[oai(validator(max_items = "20"))]
    pub fields: Vec<FieldChange>,
    /// The hunks of a unified diff of `content` with three lines of context; omitted if `content` is
    /// unchanged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Text<8_000_000>>,
    /// The number of lines added to `content`.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub lines_added: i64,
    /// The number of lines removed from `content`.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000")))]
    pub lines_removed: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) location: String,
}

/// A field with different values in two revisions.
#[derive(Debug, PartialEq, Eq, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The name of the field.
    pub field: Text<30>,
    /// The old values as text: one for a single value, any number for a list, none for an omitted field.
    #[oai(validator(max_items = "20", max_length = "2000"))]
    pub before: Vec<String>,
    /// The new values as text, in the same form.
    #[oai(validator(max_items = "20", max_length = "2000"))]
    pub after: Vec<String>,
}

impl Resource for RevisionDiff {
    fn etag(&self) -> ETag {
        let against = self.against.map(|id| id.to_string()).unwrap_or_default();
        ETag::from_parts(&[&self.revision.to_string(), &against])
    }
    fn location(&self) -> String {
        self.location.clone()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}
