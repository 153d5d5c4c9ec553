//! Parses and checks the URL of an outgoing request.
use std::net::IpAddr;

use reqwest::Url;

use super::ClientError;

/// An absolute http or https URL without credentials, at most 2,000 bytes long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUrl {
    pub https: bool,
    /// The host, without the brackets of an IPv6 address. All notations of an IPv4 address are normalized.
    pub host: String,
    pub(super) url: Url,
}

impl RequestUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidUrl`] with the violated rule.
    pub fn parse(text: &str) -> Result<RequestUrl, ClientError> {
        let invalid = |rule| Err(ClientError::InvalidUrl(rule));
        // `Url` removes line breaks and reads a backslash as a slash: it would send another URL than the checked one.
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"#\\".contains(&byte);
        let Some((scheme, rest)) = text.split_once("://").filter(|_| text.bytes().all(plain)) else {
            return invalid("it must be absolute and in ASCII, without fragment");
        };
        if text.len() > 2000 {
            return invalid("it must have at most 2000 characters");
        }
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return invalid("it must start with https:// or http://");
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return invalid("it must not contain a user name or password");
        }
        if authority.is_empty() || authority.starts_with(':') {
            return invalid("it has no host");
        }
        let Ok(url) = Url::parse(text) else {
            return invalid("its host or port is invalid");
        };
        if authority.ends_with(':') || url.port() == Some(0) {
            return invalid("its port must be 1 to 65535");
        }
        let path = path.split('?').next().unwrap_or_default();
        if url.path() != if path.is_empty() { "/" } else { path } {
            return invalid("its path must not contain . or .. segments or unencoded characters");
        }
        let host =
            url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(RequestUrl { https, host, url })
    }

    /// Returns scheme, host and port.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Returns the address if the host is an IP address.
    pub(super) fn ip_literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}
