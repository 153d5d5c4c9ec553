//! The setting `upstreams`: a table of names, with a URL or with a table of `url` and `authorization`.
//!
//! No error contains a URL or an authorization.
use std::net::IpAddr;

use toml::{Table, Value};

use super::value::rules;
use crate::{
    domain::secret::Secret,
    infra::http_client::{RequestUrl, address},
};

const MAX_UPSTREAMS: usize = 32;
const MAX_NAME: usize = 32;
/// With the longest path and query, the URL still has a length that servers accept.
const MAX_BASE: usize = 400;
const MAX_AUTHORIZATION: usize = 4000;

/// The configured upstreams.
#[derive(Debug, Clone)]
pub struct ConfiguredUpstreams(pub Vec<ConfiguredUpstream>);

/// A configured upstream.
#[derive(Debug, Clone)]
pub struct ConfiguredUpstream {
    pub name: String,
    /// The base URL, without a trailing slash.
    pub base: String,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret<String>>,
    /// Whether the base URL is `http://` or has a private address.
    pub is_private: bool,
}

rules! {
    ConfiguredUpstreams: Table => |table| {
        if table.len() > MAX_UPSTREAMS {
            return Err(format!("must have at most {MAX_UPSTREAMS} entries, got {}", table.len()));
        }
        let upstream = |(name, value): (&String, &Value)| {
            ConfiguredUpstream::read(name, value).map_err(|rule| format!("must be valid: {name}: {rule}"))
        };
        table.iter().map(upstream).collect::<Result<_, _>>().map(ConfiguredUpstreams)
    };
}

impl ConfiguredUpstream {
    fn read(name: &str, value: &Value) -> Result<Self, String> {
        let (url, authorization) = match value {
            Value::String(url) => (Some(url.as_str()), None),
            Value::Table(entry) if entry.keys().all(|key| key == "url" || key == "authorization") => {
                (entry.get("url").and_then(Value::as_str), entry.get("authorization"))
            }
            _ => (None, None),
        };
        let url = url.ok_or("an entry must be a URL, or a table with url and authorization")?;
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
            return Err(format!("a name must be 1 to {MAX_NAME} lower-case letters, digits and hyphens"));
        }
        let base = url.strip_suffix('/').unwrap_or(url);
        let is_private = is_private(base)?;
        let authorization = authorization.map(authorization_value).transpose()?;
        Ok(ConfiguredUpstream { name: name.to_owned(), base: base.to_owned(), authorization, is_private })
    }
}

/// Validates a base URL, and returns whether it is `http://` or has a private address.
fn is_private(base: &str) -> Result<bool, String> {
    if base.len() > MAX_BASE {
        return Err(format!("the URL must have at most {MAX_BASE} characters, got {}", base.len()));
    }
    let target = RequestUrl::parse(base).map_err(|error| error.to_string())?;
    let path = base.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let is_plain = |path: &str| !path.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    if base.contains('?') || !path.is_none_or(is_plain) {
        return Err("the URL must have a host and a plain path, and no query".to_owned());
    }
    let literal = target.host.parse::<IpAddr>().ok();
    Ok(!target.https || literal.is_some_and(|literal| !address::is_public(literal)))
}

fn authorization_value(value: &Value) -> Result<Secret<String>, String> {
    let value = value.as_str().filter(|value| {
        (1..=MAX_AUTHORIZATION).contains(&value.len()) && value.bytes().all(|b| matches!(b, 0x20..=0x7e))
    });
    value.map(|value| Secret::new(value.to_owned())).ok_or_else(|| {
        format!("authorization must be a string of 1 to {MAX_AUTHORIZATION} printable ASCII characters")
    })
}
