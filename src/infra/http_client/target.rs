//! Parses and checks the URL of an outgoing request.
use std::net::IpAddr;

use poem::http::{HeaderValue, Uri};

use super::ClientError;

/// An absolute http or https URL without credentials, at most 2,000 bytes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUrl {
    pub https: bool,
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    pub(super) port: u16,
    pub(super) authority: HeaderValue,
    /// Path and query.
    pub(super) path: String,
}

impl RequestUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidUrl`] with the violated rule.
    pub fn parse(url: &str) -> Result<RequestUrl, ClientError> {
        let valid = url.len() <= 2000 && !url.contains('#');
        let uri: Uri = valid
            .then(|| url.parse().ok())
            .flatten()
            .ok_or(ClientError::InvalidUrl("it must be absolute, without fragment"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(ClientError::InvalidUrl("it must start with https:// or http://")),
        };
        let authority = uri.authority().ok_or(ClientError::InvalidUrl("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(ClientError::InvalidUrl("it must not contain a user name or password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest) {
            rest if rest.contains(':') => authority
                .port_u16()
                .filter(|port| *port > 0)
                .ok_or(ClientError::InvalidUrl("its port must be 1 to 65535"))?,
            _ if https => 443,
            _ => 80,
        };
        if host.is_empty() {
            return Err(ClientError::InvalidUrl("it has no host"));
        }
        let authority = HeaderValue::from_str(authority.as_str());
        let authority = authority.map_err(|_| ClientError::InvalidUrl("it has no host"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(RequestUrl { https, host, port, authority, path })
    }

    /// Returns the address if the host is an IP address.
    pub(super) fn ip_literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}
