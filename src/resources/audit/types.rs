//! Wire types of the audit log. The lines of `audit_output` have the same type.
use std::{fmt, str::FromStr};

pub use entity::audit_entry::ActorKind;
use poem_openapi::{Object, registry::MetaSchema};
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        audit::AuditAction,
        event::EventType,
        id::Id,
        pattern,
        scalar::string_scalar,
        text::{DottedName, Text, text_type},
        timestamp::Timestamp,
    },
    http::pagination::PageParams,
    resources::accounts::users::User,
};

text_type! {
    /// A SHA-256 digest in hexadecimal.
    pub struct EntryHash {
        length: 64..=64,
        pattern: pattern::SHA256,
        example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }
}

/// An action of the audit log: an event type, or an [`AuditAction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditedAction(&'static str);

impl AuditedAction {
    pub fn as_str(self) -> &'static str {
        self.0
    }

    fn all() -> impl Iterator<Item = &'static str> {
        let events = EventType::ALL.iter().map(|kind| kind.as_str());
        events.chain(AuditAction::ALL.iter().map(|action| action.as_str()))
    }
}

impl From<EventType> for AuditedAction {
    fn from(kind: EventType) -> Self {
        AuditedAction(kind.as_str())
    }
}

impl FromStr for AuditedAction {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = AuditedAction::all().find(|action| *action == text);
        known.map(AuditedAction).ok_or_else(|| format!("must be an action of the audit log, got {text}"))
    }
}

impl fmt::Display for AuditedAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

string_scalar!([] AuditedAction, "audited-action", MetaSchema {
    enum_items: AuditedAction::all().map(Into::into).collect(),
    ..MetaSchema::new("string")
});

/// An entry of the audit log.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// The position in the log. Positions have no gaps, and ascend in commit order.
    #[oai(validator(minimum(value = "1"), maximum(value = "999999999999999")))]
    pub position: i64,
    /// The time of the action.
    pub at: Timestamp,
    /// The action: an event type, or one that the documentation of the audit log lists.
    pub action: DottedName,
    /// The kind of the resource.
    pub resource: Text<40>,
    /// The id of the resource. Absent for actions on a whole collection, and for unknown accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<Text<200>>,
    /// The actor.
    pub actor: AuditActor,
    /// The client address, as far as `log_client_address` permits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<50>>,
    /// The id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text<64>>,
    /// The reason of a failed authentication, such as `wrong-password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<40>>,
    /// The number of equal actions that the entry stands for. More than 1 only for repeated failures.
    #[oai(validator(minimum(value = "1"), maximum(value = "2147483647")))]
    pub count: i32,
    /// The changed fields.
    #[oai(validator(max_items = "100"))]
    pub changes: Vec<AuditChange>,
    /// SHA-256 over the hash of the previous entry and this entry.
    pub hash: EntryHash,
}

/// The actor of an audit entry.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    /// The kind of actor.
    pub kind: ActorKind,
    /// The account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Id<User>>,
    /// The session or the API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<Id<AuditActor>>,
    /// The kind of the job, or the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<100>>,
}

/// A changed field.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct AuditChange {
    /// The name of the field.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub field: String,
    /// The previous value. Absent if there was none, or if values of the field are not recorded.
    #[oai(validator(max_length = "100"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The new value. Absent if there is none, or if values of the field are not recorded.
    #[oai(validator(max_length = "100"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl From<entity::audit_entry::Model> for AuditEntry {
    fn from(row: entity::audit_entry::Model) -> Self {
        AuditEntry {
            position: row.position,
            at: Timestamp(row.at),
            action: row.action.into(),
            resource: row.resource.into(),
            resource_id: row.resource_id.map(Into::into),
            actor: AuditActor {
                kind: row.actor,
                account: row.account.map(Id::from),
                credential: row.credential.map(Id::from),
                name: row.actor_name.map(Into::into),
            },
            address: row.address.map(Into::into),
            request_id: row.request_id.map(Into::into),
            reason: row.reason.map(Into::into),
            count: row.count,
            // A row that was changed outside of the service may not parse: the verification reports it.
            changes: serde_json::from_str(&row.changes).unwrap_or_default(),
            hash: row.hash.into(),
        }
    }
}

/// Filters of the audit log.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct AuditQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Only entries whose actor is this account.
    pub account: Option<Id<User>>,
    /// Only entries with this action.
    pub action: Option<AuditedAction>,
    /// Only entries about the resource with this id.
    pub resource_id: Option<Text<200>>,
    /// Only entries at or after this time.
    #[oai(rename = "at[gte]")]
    pub from: Option<Timestamp>,
    /// Only entries before this time.
    #[oai(rename = "at[lt]")]
    pub before: Option<Timestamp>,
}
