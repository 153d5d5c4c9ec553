//! The response body of the account of the caller.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use super::super::{sessions::Session, users::User};
use crate::contract::{answer::Resource, cache::Cache, etag::ETag, id::Id, time::Timestamp};

/// The account of the caller, with the current session.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    #[oai(flatten)]
    #[serde(flatten)]
    pub user: User,
    /// The id of the session that sent this request; absent for API keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Id<Session>>,
}

impl Resource for Me {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let session = self.session.map_or_else(String::new, |session| session.to_string());
        ETag::of_parts(&[self.user.etag().as_str(), &session])
    }
    fn location(&self) -> String {
        "/api/me".to_owned()
    }
    fn modified(&self) -> Option<Timestamp> {
        self.user.modified()
    }
    fn cache(&self) -> Cache {
        Cache::None
    }
}

impl Example for Me {
    fn example() -> Self {
        Me { user: User::example(), session: Some(Session::example().id) }
    }
}
