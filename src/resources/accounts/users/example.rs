//! Examples for the OpenAPI document: Ada Turner, editor at acme.test.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::types::{AuthorRef, Status, User, UserInput, UserPatch, UserQuery};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{auth::Role, merge_patch::Patch, pagination::PageParams},
};

const ADA: &str = "0199c0de-1111-7c3d-8e1f-2a3b4c5d6e7f";
const EMAIL: &str = "ada@acme.test";
const NAME: &str = "Ada Turner";
const BIO: &str = "Writes about wood and contracts.";
const SITE: &str = "https://ada.acme.test/";
const AVATAR: &str = "https://www.acme.test/ada.webp";

pub fn example_user_id() -> Id<User> {
    ADA.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

impl Example for User {
    fn example() -> Self {
        User {
            id: example_user_id(),
            email: Some(EMAIL.into()),
            name: NAME.into(),
            bio: Some(BIO.into()),
            url: Some(SITE.into()),
            avatar_url: Some(AVATAR.into()),
            role: Role::Editor,
            status: Status::Active,
            created_at: Timestamp(1_763_629_200_000),
            updated_at: Timestamp(1_763_715_600_000),
            version: 2,
        }
    }
}

impl Example for AuthorRef {
    fn example() -> Self {
        AuthorRef {
            id: example_user_id(),
            name: NAME.into(),
            avatar_url: Some(AVATAR.into()),
            bio: Some(BIO.into()),
        }
    }
}

impl Example for UserInput {
    fn example() -> Self {
        UserInput {
            email: EMAIL.into(),
            name: NAME.into(),
            password: "mortise and tenon".into(),
            role: Some(Role::Editor),
        }
    }
}

impl Example for UserPatch {
    fn example() -> Self {
        UserPatch {
            name: Some("Ada M. Turner".into()),
            bio: Patch::Value(BIO.into()),
            url: Patch::Value(SITE.into()),
            avatar_url: Patch::Value(AVATAR.into()),
            email: Some(EMAIL.into()),
            role: Some(Role::Editor),
            status: Some(Status::Active),
            password: Some("dovetail and biscuit".into()),
            current_password: Some("mortise and tenon".into()),
        }
    }
}

impl Example for UserQuery {
    fn example() -> Self {
        UserQuery {
            paging: PageParams::example(),
            role: Some(Role::Editor),
            status: Some(Status::Active),
            q: Some("turner".into()),
            sort: Some("name".into()),
        }
    }
}
