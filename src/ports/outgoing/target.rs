//! Where a request goes: a URL taken apart, as far as it can be refused without asking anybody.
use std::net::IpAddr;

use poem::http::{HeaderValue, Uri};

use super::Refused;

/// An absolute http or https URL without user and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub https: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub(super) port: u16,
    pub(super) authority: HeaderValue,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    pub fn parse(url: &str) -> Result<Target, Refused> {
        let plain = url.len() <= 2000 && !url.contains('#');
        let uri: Uri =
            plain.then(|| url.parse().ok()).flatten().ok_or(Refused::Url("it is no absolute URL"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(Refused::Url("it starts with neither https:// nor http://")),
        };
        let authority = uri.authority().ok_or(Refused::Url("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Refused::Url("it holds a user or a password"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest) {
            rest if rest.contains(':') => {
                authority.port_u16().filter(|port| *port > 0).ok_or(Refused::Url("its port is none"))?
            }
            _ if https => 443,
            _ => 80,
        };
        if host.is_empty() {
            return Err(Refused::Url("it names no host"));
        }
        let authority = HeaderValue::from_str(authority.as_str());
        let authority = authority.map_err(|_| Refused::Url("it names no host"))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Target { https, host, port, authority, path })
    }

    /// The address, when the host is one.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}
