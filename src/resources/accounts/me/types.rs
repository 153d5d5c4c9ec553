//! The response body of the account of the caller.
use poem_openapi::{Object, types::Example};
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{cache_control::CacheControl, etag::ETag, response::Resource},
    resources::accounts::{sessions::Session, users::User},
};

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
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let session = self.session.map_or_else(String::new, |session| session.to_string());
        ETag::from_parts(&[self.user.etag().as_str(), &session])
    }
    fn location(&self) -> String {
        "/api/me".to_owned()
    }
    fn last_modified(&self) -> Option<Timestamp> {
        self.user.last_modified()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::NoStore
    }
}

impl Example for Me {
    fn example() -> Self {
        Me { user: User::example(), session: Some(Session::example().id) }
    }
}
