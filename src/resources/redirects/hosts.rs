//! Hosts in sources and destinations.

/// The hosts that destinations may name.
#[derive(Debug, Clone, Default)]
pub struct RedirectHosts {
    /// The host of this service and the path prefix of its public URL.
    own: Option<(String, String)>,
    others: Vec<String>,
}

/// A URL in parts.
#[derive(Debug, PartialEq, Eq)]
pub struct SplitUrl<'a> {
    pub is_https: bool,
    /// In lower case and ASCII, without the default port of the scheme.
    pub host: String,
    /// The host with its port as written, in ASCII.
    pub authority: String,
    /// The path, query and fragment; may be empty.
    pub path: &'a str,
}

const HOST_RULE: &str = "must name a host such as www.acme.test, with an optional port, and without a user";

/// Splits an `http` or `https` URL. The scheme may have upper-case letters, and the host may have characters
/// beyond ASCII. Returns `None` if the text is no URL with a scheme.
pub fn split_url(text: &str) -> Option<Result<SplitUrl<'_>, String>> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if scheme.is_empty() || !is_scheme {
        return None;
    }
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https && !scheme.eq_ignore_ascii_case("http") {
        return Some(Err(format!("must have the scheme http or https, got {scheme:.20}")));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let Some((host, authority)) = ascii_host(is_https, authority) else {
        return Some(Err(format!("{HOST_RULE}, got {authority:.100}")));
    };
    Some(Ok(SplitUrl { is_https, host, authority, path }))
}

/// Returns a host in lower case and ASCII (RFC 5891) without the default port, and the host with its port as
/// written. Returns `None` for an invalid host and for IPv6 addresses.
pub fn ascii_host(is_https: bool, authority: &str) -> Option<(String, String)> {
    let (name, port) = match authority.split_once(':') {
        None => (authority, None),
        Some((name, port)) => (name, Some(port)),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && !port.starts_with('+'));
    if port.is_some_and(|port| !is_port(port)) {
        return None;
    }
    let ascii = match name.is_ascii() {
        true => name.to_owned(),
        false => idna::domain_to_ascii(name).ok()?,
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_edge = |text: &str| text.starts_with(['-', '.']) || text.ends_with('-') || text.contains("..");
    if ascii.is_empty() || ascii.len() > 253 || is_edge(&ascii) || !ascii.bytes().all(valid) {
        return None;
    }
    let with_port = port.map_or_else(|| ascii.clone(), |port| format!("{ascii}:{port}"));
    let host = without_default_port(is_https, &with_port);
    Some((host, with_port))
}

/// Returns a host in lower case, without the default port of its scheme.
fn without_default_port(is_https: bool, host: &str) -> String {
    let port = if is_https { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase()
}

impl RedirectHosts {
    /// `own` is the public URL of this service, empty if it has none. `others` are the other allowed hosts,
    /// in lower case.
    pub fn new(own: &str, others: Vec<String>) -> Self {
        let own = own.split_once("://").map(|(scheme, rest)| {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = without_default_port(scheme.eq_ignore_ascii_case("https"), host);
            (host, path.trim_end_matches('/').to_owned())
        });
        RedirectHosts { own, others }
    }

    /// Returns the host of this service, if it has a public URL.
    pub fn own(&self) -> Option<&str> {
        self.own.as_ref().map(|(host, _)| host.as_str())
    }

    /// Returns the path of a URL below the public URL, if the URL belongs to this service.
    pub fn own_path<'a>(&self, url: &SplitUrl<'a>) -> Option<&'a str> {
        let (_, base) = self.own.as_ref().filter(|(own, _)| *own == url.host)?;
        url.path
            .strip_prefix(base.as_str())
            .filter(|path| path.is_empty() || path.starts_with(['/', '?', '#']))
    }

    /// Returns whether destinations may name the host of this URL.
    pub fn allows(&self, url: &SplitUrl<'_>) -> bool {
        let written = url.authority.to_ascii_lowercase();
        self.others.iter().any(|host| *host == url.host || *host == written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_hosts_in_any_case_and_script() {
        for (text, host, path) in [
            ("http://Old.Acme.test/a", "old.acme.test", "/a"),
            ("HTTPS://acme.test:443", "acme.test", ""),
            ("http://acme.test:443/", "acme.test:443", "/"),
            ("https://bücher.test/a", "xn--bcher-kva.test", "/a"),
            ("https://BÜCHER.test?a", "xn--bcher-kva.test", "?a"),
            ("https://deploy--acme.test/", "deploy--acme.test", "/"),
        ] {
            let split = split_url(text).expect("a URL").unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((split.host.as_str(), split.path), (host, path), "{text}");
        }
    }

    #[test]
    fn rejects_invalid_hosts() {
        for text in [
            "http://",
            "http:///a",
            "http://*.acme.test",
            "http://a@b.test",
            "http://acme.test:",
            "http://acme.test:0",
            "http://acme.test:+80",
            "http://acme.test:99999",
            "http://[::1]/",
            "http://-acme.test",
            "http://acme..test",
            "http://ac me.test",
            "ftp://acme.test",
        ] {
            assert!(split_url(text).is_some_and(|split| split.is_err()), "{text}");
        }
        assert_eq!(split_url("/a"), None);
        assert_eq!(split_url("/a?b=http://acme.test"), None);
    }
}
