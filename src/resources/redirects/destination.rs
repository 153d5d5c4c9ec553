//! Destinations of rules: a path of this service or a URL of an allowed host, with placeholders for the
//! captures of the source.
use super::path::{MAX_LENGTH, Pattern, escape, escaped, has_dot_segments};

/// The placeholder for the last capture of the source. The other placeholder is `*`: the first `*` is
/// replaced by the first capture, the second by the second, and so on.
pub const SPLAT: &str = ":splat";

/// The hosts that destinations may name.
#[derive(Debug, Clone, Default)]
pub struct RedirectHosts {
    /// The host of this service and the path prefix of its public URL.
    own: Option<(String, String)>,
    others: Vec<String>,
}

impl RedirectHosts {
    /// `own` is the public URL of this service, empty if it has none. `others` are the other allowed hosts,
    /// in lower case.
    pub fn new(own: &str, others: Vec<String>) -> Self {
        let own = own.split_once("://").map(|(scheme, rest)| {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            (without_default_port(&scheme.to_ascii_lowercase(), host), path.trim_end_matches('/').to_owned())
        });
        RedirectHosts { own, others }
    }

    /// Splits a URL. Returns the origin with the path prefix of this service, the rest of the path, and
    /// whether the URL belongs to this service.
    fn split<'a>(&self, text: &'a str) -> Result<(&'a str, &'a str, bool), &'static str> {
        let invalid = "must be a path that begins with one slash, or an http or https URL of this service or of a \
                       host (with its port) in the setting redirect_hosts";
        let (scheme, rest) = text.split_once("://").ok_or(invalid)?;
        let scheme = &scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return Err(invalid);
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let own = self.own.as_ref().filter(|(own, _)| without_default_port(scheme, host) == *own);
        let own = own.and_then(|(_, base)| path.strip_prefix(base.as_str()));
        if let Some(path) = own.filter(|path| path.is_empty() || path.starts_with('/')) {
            return Ok((&text[..text.len() - path.len()], path, true));
        }
        let hosts = [without_default_port(scheme, host), host.to_ascii_lowercase()];
        match hosts.iter().any(|host| self.others.contains(host)) {
            true => Ok((&text[..text.len() - path.len()], path, false)),
            false => Err(invalid),
        }
    }
}

/// Returns a host in lower case, without the default port of its scheme.
fn without_default_port(scheme: &str, host: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase()
}

/// A parsed destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Scheme, host and path prefix; empty for a plain path.
    origin: String,
    /// Whether the path belongs to this service.
    is_local: bool,
    /// The literal parts of the path, percent-encoded.
    literals: Vec<String>,
    /// The indexes of the captures between the literals.
    captures: Vec<usize>,
    query: String,
    fragment: String,
    /// The length in bytes without captures.
    length: usize,
}

impl Destination {
    /// Parses the destination of a rule with this source. The error is the message of the violation.
    pub fn parse(text: &str, source: &Pattern, hosts: &RedirectHosts) -> Result<Destination, &'static str> {
        if text.chars().count() > MAX_LENGTH {
            return Err("must be at most 1000 characters");
        }
        if has_unsafe_chars(text) {
            return Err(
                "must not contain white space, nor backslashes or control characters, plain or percent-encoded",
            );
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (origin, path, is_local) = match base.starts_with('/') {
            true => ("", base, true),
            false => hosts.split(base)?,
        };
        let decoded = unescaped(path);
        if decoded.contains("//") || has_dot_segments(&decoded) {
            return Err("must not contain empty segments, `.` or `..` in its path");
        }
        if [query, fragment].iter().any(|part| part.contains('*') || part.contains(SPLAT)) {
            return Err("must contain `*` and `:splat` only in its path");
        }
        let (literals, captures) = split_captures(path, source)?;
        Ok(Destination {
            length: origin.len()
                + literals.iter().map(|literal| literal.len()).sum::<usize>()
                + query.len()
                + fragment.len(),
            origin: origin.to_owned(),
            is_local,
            literals: literals.iter().map(|literal| escaped(literal)).collect(),
            captures,
            query: escaped(query),
            fragment: escaped(fragment),
        })
    }

    /// Returns the location with the captures and the query of the request. Returns `None` if a capture
    /// contains `.` or `..` segments, or if the location would refer to another host.
    pub fn fill(&self, captures: &[&str], query: Option<&str>) -> Option<String> {
        let lengths = captures.iter().map(|part| part.len()).sum::<usize>() + query.map_or(0, str::len);
        let mut location = String::with_capacity(self.length + lengths + 2);
        location.push_str(&self.origin);
        for (i, literal) in self.literals.iter().enumerate() {
            location.push_str(literal);
            let Some(capture) = self.captures.get(i) else { continue };
            let part = captures.get(*capture).copied().unwrap_or_default();
            if has_dot_segments(part) {
                return None;
            }
            // A location that starts with two slashes refers to another host (RFC 3986, section 4.2).
            let part = if location.ends_with('/') { part.trim_start_matches('/') } else { part };
            escape(&mut location, part);
        }
        if self.origin.is_empty() && (location.starts_with("//") || location.starts_with("/\\")) {
            return None;
        }
        merge_query(&mut location, &self.query, query.unwrap_or_default());
        if !self.fragment.is_empty() {
            location.push('#');
            location.push_str(&self.fragment);
        }
        Some(location)
    }

    /// Returns the path of a location that [`Destination::fill`] returned, without query and fragment. For
    /// another host, the path includes the origin.
    pub fn local_path<'a>(&self, location: &'a str) -> &'a str {
        let path =
            if self.is_local { location.get(self.origin.len()..).unwrap_or_default() } else { location };
        match path.split(['?', '#']).next().unwrap_or_default() {
            "" => "/",
            path => path,
        }
    }
}

/// Decodes percent-encoding up to four times, because some clients and proxies decode more than once.
fn unescaped(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..4 {
        let mut next = Vec::with_capacity(bytes.len());
        let mut i = 0;
        while i < bytes.len() {
            let pair = bytes.get(i + 1..i + 3).and_then(|pair| std::str::from_utf8(pair).ok());
            let value = pair.filter(|_| bytes[i] == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
            next.push(value.unwrap_or(bytes[i]));
            i += if value.is_some() { 3 } else { 1 };
        }
        if next == bytes {
            break;
        }
        bytes = next;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns whether the text contains characters that clients may remove or interpret as a slash.
fn has_unsafe_chars(text: &str) -> bool {
    let is_unsafe = |c: char| c.is_control() || c == '\\';
    text.chars().any(|c| is_unsafe(c) || c.is_whitespace()) || unescaped(text).chars().any(is_unsafe)
}

type Parts<'a> = (Vec<&'a str>, Vec<usize>);

/// Splits a path at its placeholders. Returns the literals, and the index of the capture for each
/// placeholder.
fn split_captures<'a>(path: &'a str, source: &Pattern) -> Result<Parts<'a>, &'static str> {
    let (mut literals, mut captures) = (Vec::new(), Vec::new());
    let (mut rest, mut star) = (path, 0);
    loop {
        let next = [rest.find('*').map(|at| (at, 1)), rest.find(SPLAT).map(|at| (at, SPLAT.len()))];
        let Some((at, length)) = next.into_iter().flatten().min() else { break };
        // Without `*` in the source, the index of `:splat` wraps around and is rejected below.
        let capture = if length == 1 { star } else { source.stars().wrapping_sub(1) };
        star += usize::from(length == 1);
        if capture >= source.stars() {
            return Err("must not contain more `*` or `:splat` than the source contains `*`");
        }
        literals.push(&rest[..at]);
        captures.push(capture);
        rest = &rest[at + length..];
    }
    // A capture must not become part of a host.
    if literals.first().is_some_and(|first| !first.starts_with('/')) {
        return Err("must contain a path before its first `*` or `:splat`");
    }
    literals.push(rest);
    Ok((literals, captures))
}

/// Appends the query of the destination (`own`), then the parameters of the request. A parameter of the
/// destination replaces the parameters of the request with the same name.
fn merge_query(location: &mut String, own: &str, query: &str) {
    let mut separator = '?';
    if !own.is_empty() {
        location.push('?');
        location.push_str(own);
        separator = '&';
    }
    if query.is_empty() {
        return;
    }
    let name = |pair: &str| unescaped(&pair.split('=').next().unwrap_or_default().replace('+', " "));
    let known: Vec<String> = own.split('&').filter(|pair| !pair.is_empty()).map(name).collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if known.is_empty() || !known.contains(&name(pair)) {
            location.push(separator);
            escape(location, pair);
            separator = '&';
        }
    }
}

#[cfg(test)]
#[path = "destination_tests.rs"]
mod tests;
