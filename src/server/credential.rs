//! The credential of a request, and decoding of its body.
use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem::http::{HeaderMap, Method, header};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    domain::{audit::AuthFailure, origin::AllowedOrigin},
    http::{
        auth::Principal,
        problem::{Error, Problem},
        problem_code::ProblemCode,
        session_cookie,
    },
    schema::{ErrorCode, JsonError},
};

/// A credential, not yet verified.
#[derive(Debug)]
pub enum Credential {
    Bearer(String),
    Cookie(String),
}

/// The functions that resolve a credential to a principal.
pub struct Authenticator {
    /// Verifies the credential.
    pub verify: Verify,
    /// Returns the principal of a credential that was verified before and is still valid.
    pub verified: Verified,
    /// Records a failed authentication in the audit log.
    pub record_failure: RecordFailure,
    /// Records the use of an API key from an address, if it is the first one.
    pub record_key: RecordKey,
    /// Returns whether the use of an API key from an address needs no entry.
    pub is_recorded: IsRecorded,
}

pub type Verify = Box<dyn Fn(Credential) -> BoxFuture<'static, Result<Principal, Error>> + Send + Sync>;
pub type Verified = Box<dyn Fn(&Credential) -> Option<Arc<Principal>> + Send + Sync>;
pub type RecordFailure =
    Box<dyn Fn(AuthFailure, Option<Uuid>, String) -> BoxFuture<'static, ()> + Send + Sync>;
pub type RecordKey = Box<dyn Fn(Uuid) -> BoxFuture<'static, ()> + Send + Sync>;
pub type IsRecorded = Box<dyn Fn(Uuid, Option<&str>) -> bool + Send + Sync>;

/// Returns the problem for a body that is not valid JSON.
pub fn invalid_json(error: JsonError) -> Problem {
    match error {
        JsonError::Empty => Error::invalid_field("#", ErrorCode::Required, "send a JSON body").into(),
        JsonError::Invalid(violation) => {
            Problem::new(ProblemCode::MalformedJson, "the request body is not valid JSON")
                .with_errors(vec![violation])
        }
    }
}

/// Decodes a text body; a byte order mark is removed.
pub fn decode_text(bytes: &[u8]) -> Result<Value, Problem> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::String(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())),
        Err(_) => Err(Error::invalid_field("#", ErrorCode::Encoding, "must be UTF-8 text").into()),
    }
}

/// Rejects several `Authorization` headers, because a proxy may have checked another one than this server.
pub fn check_authorization(headers: &HeaderMap) -> Result<(), Error> {
    match headers.get_all(header::AUTHORIZATION).iter().nth(1) {
        None => Ok(()),
        Some(_) => Err(Error::Malformed("Authorization: must be sent at most once")),
    }
}

/// Returns the credential of a request. The `Authorization` header takes precedence over the session cookie.
/// A cookie on an unsafe method is accepted from the same site or an allowed origin only (CSRF).
pub fn extract_credential(
    method: &Method,
    headers: &HeaderMap,
    origins: &[AllowedOrigin],
) -> Result<Option<Credential>, Error> {
    check_authorization(headers)?;
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        return match token {
            Some(token) => Ok(Some(Credential::Bearer(token))),
            None => Err(Error::invalid_token(
                AuthFailure::Malformed,
                "Authorization: must be `Bearer` and a token",
            )),
        };
    }
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let token = session_cookie::parse(values).map_err(|_| {
        Error::invalid_token(
            AuthFailure::Malformed,
            "Cookie: must contain one session cookie of the expected form",
        )
    })?;
    let Some(token) = token else { return Ok(None) };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (site, origin, host) = (text("sec-fetch-site"), text("origin"), text("host"));
    match session_cookie::passes_csrf_check(method.as_str(), site, origin, host, origins) {
        true => Ok(Some(Credential::Cookie(token.expose().clone()))),
        false => Err(Error::Csrf),
    }
}
