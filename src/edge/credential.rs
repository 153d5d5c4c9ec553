//! Who a request says it comes from.
use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::{Request, http::header};
use serde_json::Value;

use crate::contract::{
    caller::Principal,
    check::{ErrorCode, JsonError},
    code::Code,
    cookie,
    problem::{Error, Problem},
};

/// What a request says about who sends it.
#[derive(Debug)]
pub enum Credential {
    Bearer(String),
    Cookie(String),
}

/// How the gate learns who is behind a credential.
pub type Authenticate = Arc<dyn Fn(Credential) -> BoxFuture<'static, Result<Principal, Error>> + Send + Sync>;

/// A body that is no JSON.
pub fn unreadable(error: JsonError) -> Problem {
    match error {
        JsonError::Empty => Error::at("#", ErrorCode::Required, "send a JSON body").into(),
        JsonError::Invalid(violation) => {
            Problem::new(Code::MalformedJson, "the body cannot be read as JSON").with_errors(vec![violation])
        }
    }
}

/// A body that is text.
pub fn text(bytes: &[u8]) -> Result<Value, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::String(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())),
        Err(_) => Err(Error::at("#", ErrorCode::Encoding, "must be text in UTF-8").into()),
    }
}

/// The credential of a request; a header field wins over the cookie.
pub fn credential(request: &Request, origins: &[String]) -> Result<Option<Credential>, Problem> {
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        return match token {
            Some(token) => Ok(Some(Credential::Bearer(token))),
            None => Err(Error::InvalidToken.into()),
        };
    }
    let fields = request.headers().get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let token = cookie::read(fields).map_err(|_| Error::InvalidToken)?;
    let Some(token) = token else { return Ok(None) };
    let site = (request.header("sec-fetch-site"), request.header("origin"), request.header("host"));
    match cookie::same_site(request.method().as_str(), site.0, site.1, site.2, origins) {
        true => Ok(Some(Credential::Cookie(token.expose().clone()))),
        false => Err(Error::CrossSite.into()),
    }
}
