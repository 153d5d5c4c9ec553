//! How a user looks on the wire: to everybody, to themselves and to those who run the service.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::contract::id::Id;

/// What ids of users identify.
pub struct User;

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

impl Example for AuthorRef {
    fn example() -> Self {
        AuthorRef {
            id: "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::fresh()),
            name: "Ada Turner".into(),
            avatar_url: Some("https://www.acme.test/ada.webp".into()),
            bio: Some("Writes about wood and contracts.".into()),
        }
    }
}
