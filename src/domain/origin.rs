//! Web origins (RFC 6454) that may send cross-origin requests.
use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// An origin, or all origins whose first label replaces `*`: `https://*.preview.acme.test`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    Exact(String),
    AnyLabel { scheme: String, parent: String },
}

impl AllowedOrigin {
    /// Parses an origin in the form that browsers send: lower case, without path and default port. Other forms would
    /// never match. A wildcard is the whole first label, and at least two labels follow it, or `localhost`: `https://*.test`
    /// would be every site of a top-level domain.
    pub fn parse(text: &str) -> Option<Self> {
        let parts = [("https://", ":443"), ("http://", ":80")];
        let (scheme, host, port) =
            parts.into_iter().find_map(|(scheme, port)| Some((scheme, text.strip_prefix(scheme)?, port)))?;
        let Some(parent) = host.strip_prefix("*.") else {
            return (is_host(host) && !host.ends_with(port)).then(|| AllowedOrigin::Exact(text.to_owned()));
        };
        let name = parent.split(':').next().unwrap_or_default();
        let is_parent = name == "localhost" || name.contains('.') && name.parse::<Ipv4Addr>().is_err();
        (is_host(parent) && !parent.ends_with(port) && is_parent)
            .then(|| AllowedOrigin::AnyLabel { scheme: scheme.to_owned(), parent: parent.to_owned() })
    }

    /// Returns whether this is the origin of a request.
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            AllowedOrigin::Exact(allowed) => allowed == origin,
            AllowedOrigin::AnyLabel { scheme, parent } => {
                let host =
                    origin.strip_prefix(scheme.as_str()).and_then(|host| host.strip_suffix(parent.as_str()));
                let label = host.and_then(|host| host.strip_suffix('.'));
                label.is_some_and(|label| {
                    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                    !label.is_empty() && label.bytes().all(allowed)
                })
            }
        }
    }
}

/// Returns whether the text is a host in lower case, with or without a port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let address = name.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    let is_name = || {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        name.split('.').all(|label| !label.is_empty() && label.bytes().all(allowed))
    };
    address.map_or_else(is_name, |address| address.parse::<Ipv6Addr>().is_ok())
        && port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedOrigin::Exact(origin) => f.write_str(origin),
            AllowedOrigin::AnyLabel { scheme, parent } => write!(f, "{scheme}*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_matches_one_label() {
        let allowed = AllowedOrigin::parse("https://*.preview.acme.test").unwrap();
        for (origin, matches) in [
            ("https://a.preview.acme.test", true),
            ("https://feature-7.preview.acme.test", true),
            ("https://preview.acme.test", false),
            ("https://.preview.acme.test", false),
            ("https://a.b.preview.acme.test", false),
            ("https://evilpreview.acme.test", false),
            ("https://evil.test/.preview.acme.test", false),
            ("https://evil.test#.preview.acme.test", false),
            ("https://a@b.preview.acme.test", false),
            ("https://a.preview.acme.test.evil.test", false),
            ("https://a.preview.acme.test:8443", false),
            ("http://a.preview.acme.test", false),
            ("https://A.preview.acme.test", false),
            ("https://*.preview.acme.test", false),
            ("null", false),
        ] {
            assert_eq!(allowed.matches(origin), matches, "{origin}");
        }
        let allowed = AllowedOrigin::parse("http://*.localhost:3000").unwrap();
        assert!(allowed.matches("http://shop.localhost:3000") && !allowed.matches("http://shop.localhost"));
    }

    #[test]
    fn parses_what_it_prints() {
        for text in
            ["https://www.acme.test", "http://[::1]:8080", "https://*.acme.test", "https://*.acme.test:8443"]
        {
            assert_eq!(AllowedOrigin::parse(text).unwrap().to_string(), text);
        }
    }
}
