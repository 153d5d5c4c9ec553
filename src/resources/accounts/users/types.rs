//! Request and response bodies of user accounts.
pub use entity::user::Status;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        names::names_type,
        text::{Email, PersonName, SearchTerms, Text, WebUrl, text_type},
        timestamp::Timestamp,
    },
    http::{
        auth::Role, cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
};

text_type! {
    /// A new password.
    pub struct NewPassword {
        length: 8..=128,
        debug: "[redacted]",
    }

    /// A password of any age. Earlier rules may have accepted shorter ones.
    pub struct Password {
        length: 1..=128,
        debug: "[redacted]",
    }
}

names_type! {
    /// The sort order of accounts.
    pub struct UserSort {
        names: ["createdAt", "name", "email"],
        signed: true,
        max: 1,
        example: "name",
    }
}

/// A user account, as its owner and admins see it.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The id of the user. It never changes.
    pub id: Id<User>,
    /// The e-mail address used to sign in, in lower case; unique. Absent for imported authors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The display name.
    pub name: PersonName,
    /// A short biography.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<Text<1000>>,
    /// The URL of the user's website.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<WebUrl>,
    /// The URL of the avatar image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<WebUrl>,
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
    pub name: PersonName,
    /// The URL of the avatar image, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<WebUrl>,
    /// A short biography of the author, if there is one. Lists include it only with `expand=author`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bio: Option<Text<1000>>,
}

impl AuthorRef {
    /// Returns the values that an entity tag depends on. An absent value becomes an empty string, which a
    /// present value cannot be because of its minimum length.
    pub fn parts(&self) -> [String; 4] {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        [
            self.id.to_string(),
            self.name.to_string(),
            text(self.avatar_url.as_deref()),
            text(self.bio.as_deref()),
        ]
    }
}

/// The request to create an account.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserInput {
    /// The e-mail address used to sign in. Case-insensitive.
    pub email: Email,
    /// The display name. Surrounding white space is removed.
    pub name: PersonName,
    /// A password of any composition. Commonly used passwords are rejected, and those that consist mostly of the name, the
    /// e-mail address or the name of the product.
    pub password: NewPassword,
    /// The role; `reader` by default. Only admins with a session may set another role.
    pub role: Option<Role>,
}

/// A merge patch of an account (RFC 7396): absent fields stay unchanged, `null` clears a field.
#[derive(Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UserPatch {
    /// The display name. Surrounding white space is removed.
    pub name: Option<PersonName>,
    /// A short biography; `null` clears it.
    pub bio: Patch<Text<1000>>,
    /// The URL of the user's website; `null` clears it.
    pub url: Patch<WebUrl>,
    /// The URL of the avatar image; `null` clears it.
    pub avatar_url: Patch<WebUrl>,
    /// The e-mail address used to sign in. Only admins may change it.
    pub email: Option<Email>,
    /// The role. Only admins may change it. A change revokes all other sessions of the account.
    pub role: Option<Role>,
    /// Whether the account is active or disabled. Only admins may change it. A change revokes the sessions of
    /// the account.
    pub status: Option<Status>,
    /// A new password. It revokes all other sessions of the account.
    pub password: Option<NewPassword>,
    /// The current password. Required to change one's own password.
    pub current_password: Option<Password>,
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
    pub q: Option<SearchTerms>,
    /// The sort order: a field name, with a leading `-` for descending order. Ties are sorted by id.
    pub sort: Option<UserSort>,
}
