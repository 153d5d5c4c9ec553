//! Request and response bodies of user accounts.
// Types with a password do not implement `Debug`, so that passwords cannot be logged.
pub use entity::user::Status;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        auth::Role, cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
};

/// A user account, as its owner and admins see it.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The id of the user. It never changes.
    pub id: Id<User>,
    /// The e-mail address used to sign in, in lower case; unique. Absent for imported authors.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The display name.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// A short biography.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
    /// The URL of the user's website.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The URL of the avatar image.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// The role, which determines the permissions of the account.
    pub role: Role,
    /// Whether the account is active or disabled.
    pub status: Status,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When the account was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(in crate::resources) version: i64,
}

impl Resource for User {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/users/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// The author of a resource.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct AuthorRef {
    /// The user's id.
    pub id: Id<User>,
    /// The display name.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub name: String,
    /// The URL of the avatar image, if there is one.
    #[oai(validator(pattern = "^https?://[^\\u0000-\\u0020]+$", min_length = "8", max_length = "2000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// A short biography of the author, if there is one. Lists include it only with `expand=author`.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<String>,
}

impl AuthorRef {
    /// Returns the values that an entity tag depends on. An absent value becomes an empty string, which a
    /// present value cannot be because of its minimum length.
    pub fn parts(&self) -> [String; 4] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [self.id.to_string(), self.name.clone(), text(&self.avatar_url), text(&self.bio)]
    }
}

/// The request to create an account.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewUser {
    /// The e-mail address used to sign in. Case-insensitive.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: String,
    /// The display name. Surrounding white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: String,
    /// A password of any composition. Commonly used passwords are rejected.
    #[oai(validator(min_length = "8", max_length = "128"))]
    pub password: String,
    /// The role; `reader` by default. Only admins with a session may set another role.
    pub role: Option<Role>,
}

/// A merge patch of an account (RFC 7396): absent fields stay unchanged, `null` clears a field.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserPatch {
    /// The display name. Surrounding white space is removed.
    #[oai(validator(
        min_length = "1",
        max_length = "100",
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u2800\\u3000\\ufeff][^\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069]*$"
    ))]
    pub name: Option<String>,
    /// A short biography; `null` clears it.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    pub bio: Patch<String>,
    /// The URL of the user's website; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub url: Patch<String>,
    /// The URL of the avatar image; `null` clears it.
    #[oai(validator(
        pattern = "^https?://[A-Za-z0-9][^\\u0000-\\u0020\"<>\\\\^`{|}]*$",
        min_length = "8",
        max_length = "2000"
    ))]
    pub avatar_url: Patch<String>,
    /// The e-mail address used to sign in. Only admins may change it.
    #[oai(validator(pattern = "^[!-?A-~]+@[!-?A-~]+$", min_length = "3", max_length = "254"))]
    pub email: Option<String>,
    /// The role. Only admins may change it. A change revokes all other sessions of the account.
    pub role: Option<Role>,
    /// Whether the account is active or disabled. Only admins may change it. A change revokes the sessions of
    /// the account.
    pub status: Option<Status>,
    /// A new password. It revokes all other sessions of the account.
    #[oai(validator(min_length = "8", max_length = "128"))]
    pub password: Option<String>,
    /// The current password. Required to change one's own password.
    #[oai(validator(min_length = "1", max_length = "128"))]
    pub current_password: Option<String>,
}

/// Filters and order of the list of accounts.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Return only accounts with this role.
    pub role: Option<Role>,
    /// Return only accounts with this status.
    pub status: Option<Status>,
    /// Return only accounts whose name or e-mail address contains each of these terms. ASCII letters are
    /// case-insensitive.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The sort order: a field name, with a leading `-` for descending order. Ties are sorted by id.
    #[oai(validator(pattern = "^-?(createdAt|name|email)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}
