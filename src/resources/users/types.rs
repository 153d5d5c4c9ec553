//! How a user looks on the wire: to themselves, to those who run the service, and as the author of something.
// What holds a password has no `Debug`, so that no log can show it.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::contract::{
    answer::Resource, cache::Cache, caller::Role, etag::ETag, id::Id, page::Paging, patch::Given,
    time::Timestamp,
};

/// An account, as its owner and those who run the service see it.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// What the user is known by for good.
    pub id: Id<User>,
    /// The e-mail address to sign in with, in lower case; unique. Imported authors have none.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name that is shown.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// What they say of themselves.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// The address of their own site.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The address of a picture.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// What the account may do.
    pub role: Role,
    /// Whether the account may be used.
    pub status: Status,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(in crate::resources) version: i64,
}

impl Resource for User {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/users/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// Whether an account may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may be used.
    Active,
    /// Nobody can sign in with it, and its sessions and keys are refused.
    Disabled,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Disabled => "disabled",
        }
    }
}

/// Who wrote something.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct AuthorRef {
    /// The user's id.
    pub id: Id<User>,
    /// The name that is shown.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The address of a picture, if there is one.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// What the author says of themselves, if they do; in lists only with `expand=author`.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

impl AuthorRef {
    /// What of it a version depends on; what is left out is told from what is empty by the bounds of both.
    pub fn parts(&self) -> [String; 4] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [self.id.to_string(), self.name.clone(), text(&self.avatar_url), text(&self.bio)]
    }
}

/// An account to be made.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewUser {
    /// The e-mail address to sign in with. Its case does not matter.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The name that is shown; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// A password of any composition. Those that are guessed first are refused.
    #[oai(validator(min_length = "8", max_length = "128"))]
    pub password: String,
    /// What the account may do; left out, it is a reader. Others only by an admin in person.
    pub role: Option<Role>,
}

/// What of an account shall change: members left out stay, `null` clears.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserPatch {
    /// The name that is shown; white space around it is dropped.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// What they say of themselves; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    pub bio: Given<String>,
    /// The address of their own site; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub url: Given<String>,
    /// The address of a picture; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub avatar_url: Given<String>,
    /// The e-mail address to sign in with. Only admins change it.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// What the account may do. Only admins change it; all other sessions of the account end.
    pub role: Option<Role>,
    /// Whether the account may be used. Only admins change it; disabling ends the account's sessions.
    pub status: Option<Status>,
    /// A new password; all other sessions of the account end.
    #[oai(validator(min_length = "8", max_length = "128"))]
    pub password: Option<String>,
    /// The present password, without which nobody changes their own.
    #[oai(validator(min_length = "1", max_length = "128"))]
    pub current_password: Option<String>,
}

/// Which accounts are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Accounts of this role.
    pub role: Option<Role>,
    /// Accounts in this state.
    pub status: Option<Status>,
    /// Words that the name or the e-mail address contains, whatever the case of their ASCII letters.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order: the name of a member, with `-` for falling. Equal accounts follow by id.
    #[oai(validator(pattern = "^-?(createdAt|name|email)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}
