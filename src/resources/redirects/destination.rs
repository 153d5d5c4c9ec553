//! Destinations of rules: a path of this service or a URL, with placeholders for the captures of the source.
use std::borrow::Cow;

use super::{
    conditions::Conditions,
    hosts::{RedirectHosts, SplitUrl, split_url},
    path::{decode_query, escape, escape_component, escaped, has_dot_segments, name_length, percent_decoded},
    source::{Capture, MAX_LENGTH, Pattern},
};

/// The placeholder for the last `*` of the source. The other placeholders are `*`: the first `*` is replaced
/// by the first `*` of the source, the second by the second, and so on; and the names of the source.
pub const SPLAT: &str = ":splat";

type Message = Cow<'static, str>;

/// A parsed destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Scheme, host and path prefix in ASCII; empty for a plain path.
    origin: String,
    /// The host of a URL, as in [`SplitUrl::host`].
    pub host: Option<String>,
    pub is_https: bool,
    /// Whether the path belongs to this service.
    is_local: bool,
    path: Template,
    query: Template,
    fragment: Template,
    /// The length in bytes without captures.
    length: usize,
}

/// A text with placeholders for captures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Template {
    /// The text around the placeholders, percent-encoded.
    literals: Vec<String>,
    /// The indexes of the captures between the literals.
    captures: Vec<usize>,
}

/// The captures of a request: those of the path, in canonical form, then those of the query, decoded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Captures<'a> {
    pub path: &'a [&'a str],
    pub query: &'a [String],
}

impl<'a> Captures<'a> {
    /// Returns a capture, and whether it is a part of the path.
    fn get(self, index: usize) -> (&'a str, bool) {
        match self.path.get(index) {
            Some(part) => (part, true),
            None => {
                let in_query = index.checked_sub(self.path.len()).and_then(|index| self.query.get(index));
                (in_query.map(String::as_str).unwrap_or_default(), false)
            }
        }
    }

    fn length(self) -> usize {
        self.path.iter().map(|part| part.len()).sum::<usize>()
            + self.query.iter().map(String::len).sum::<usize>()
    }
}

/// The component of a URL that a template belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Component {
    Path,
    Query,
    Fragment,
}

impl Destination {
    /// Parses the destination of a rule with this source. `is_external` is whether it may name any host. The
    /// error is the message of the violation.
    pub fn parse(
        text: &str,
        source: &Pattern,
        hosts: &RedirectHosts,
        is_external: bool,
    ) -> Result<Destination, Message> {
        if text.chars().count() > MAX_LENGTH {
            return Err("must be at most 1000 characters".into());
        }
        if has_unsafe_chars(text) {
            return Err(
                "must not contain white space, nor backslashes or control characters, plain or percent-encoded"
                    .into(),
            );
        }
        let (base, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (base, query) = base.split_once('?').unwrap_or((base, ""));
        let url = if base.starts_with('/') { None } else { Some(parse_url(base, hosts, is_external)?) };
        let (origin, path, is_local) = match &url {
            None => (String::new(), base, true),
            Some(url) => {
                let own = hosts.own_path(url);
                let path = own.unwrap_or(url.path);
                let prefix = &url.path[..url.path.len() - path.len()];
                let scheme = base.split_once("://").map_or("", |(scheme, _)| scheme);
                (format!("{scheme}://{}{prefix}", url.authority), path, own.is_some())
            }
        };
        if base.starts_with("//") {
            return Err("must begin with one slash: two slashes name another host".into());
        }
        let decoded = unescaped(path);
        if decoded.contains("//") || has_dot_segments(&decoded) {
            return Err("must not contain empty segments, `.` or `..` in its path".into());
        }
        if [query, fragment].iter().any(|part| part.contains('*')) {
            return Err("must contain `*` only in its path".into());
        }
        let names = Names::of(source);
        let path = names.template(path, Component::Path)?;
        let query = names.template(query, Component::Query)?;
        let fragment = names.template(fragment, Component::Fragment)?;
        // A capture must not become part of a host.
        if !path.captures.is_empty() && path.literals.first().is_some_and(|first| !first.starts_with('/')) {
            return Err("must contain a path before its first `*` or placeholder".into());
        }
        Ok(Destination {
            length: origin.len() + path.length() + query.length() + fragment.length(),
            origin,
            is_https: url.as_ref().is_some_and(|url| url.is_https),
            host: url.map(|url| url.host),
            is_local,
            path,
            query,
            fragment,
        })
    }

    /// Returns whether the destination is on a host that is neither this service nor in the setting
    /// `redirect_hosts`.
    pub fn needs_external(text: &str, hosts: &RedirectHosts) -> bool {
        matches!(split_url(text), Some(Ok(url)) if hosts.own_path(&url).is_none() && !hosts.allows(&url))
    }

    /// Returns the location with the captures and the query of the request, without the parameters that the
    /// conditions of the rule name. Returns `None` if the path would contain `.` or `..` segments, or if the
    /// location would refer to another host.
    pub fn fill(
        &self,
        captures: Captures<'_>,
        query: Option<&str>,
        conditions: Option<&Conditions>,
    ) -> Option<String> {
        let lengths = captures.length() + query.map_or(0, str::len);
        let mut location = String::with_capacity(self.length + lengths + 2);
        location.push_str(&self.origin);
        self.path.fill(&mut location, captures, Component::Path);
        if self.origin.is_empty() && (location.starts_with("//") || location.starts_with("/\\")) {
            return None;
        }
        if !self.path.captures.is_empty() && has_dot_segments(&location[self.origin.len()..]) {
            return None;
        }
        let mut own = String::new();
        self.query.fill(&mut own, captures, Component::Query);
        merge_query(&mut location, &own, query.unwrap_or_default(), conditions);
        if !self.fragment.is_empty() {
            location.push('#');
            self.fragment.fill(&mut location, captures, Component::Fragment);
        }
        Some(location)
    }

    /// Returns the path of a location on the host of the destination, without query and fragment.
    pub fn host_path<'a>(&self, location: &'a str) -> &'a str {
        match self.path_of(location).split(['?', '#']).next().unwrap_or_default() {
            "" => "/",
            path => path,
        }
    }

    fn path_of<'a>(&self, location: &'a str) -> &'a str {
        location.get(self.origin.len()..).unwrap_or_default()
    }

    pub fn is_local(&self) -> bool {
        self.is_local
    }
}

/// Splits a URL, and checks its host.
fn parse_url<'a>(text: &'a str, hosts: &RedirectHosts, is_external: bool) -> Result<SplitUrl<'a>, Message> {
    let Some(url) = split_url(text) else {
        return Err("must begin with a slash, such as /new, or with http:// or https:// and a host".into());
    };
    let url = url?;
    if is_external || hosts.own_path(&url).is_some() || hosts.allows(&url) {
        return Ok(url);
    }
    let host = url.host.chars().take(100).collect::<String>();
    Err(format!(
        "must be on this service or on a host (with its port) in the setting redirect_hosts, got {host}: add the \
         host there, or set external to true as an admin"
    )
    .into())
}

impl Template {
    fn is_empty(&self) -> bool {
        self.captures.is_empty() && self.literals.iter().all(String::is_empty)
    }

    fn length(&self) -> usize {
        self.literals.iter().map(String::len).sum()
    }

    fn fill(&self, to: &mut String, captures: Captures<'_>, component: Component) {
        for (i, literal) in self.literals.iter().enumerate() {
            to.push_str(literal);
            let Some(capture) = self.captures.get(i) else { continue };
            let (part, is_path) = captures.get(*capture);
            match (component, is_path) {
                // A location that starts with two slashes refers to another host (RFC 3986, section 4.2).
                (Component::Path, true) if to.ends_with('/') => escape(to, part.trim_start_matches('/')),
                (Component::Path, true) => escape(to, part),
                (Component::Path, false) => escape_component(to, part, false, false),
                (Component::Query | Component::Fragment, _) => escape_component(to, part, is_path, true),
            }
        }
    }
}

/// The captures of a source by name.
struct Names<'a> {
    captures: Vec<Capture<'a>>,
    stars: Vec<usize>,
}

impl<'a> Names<'a> {
    fn of(source: &'a Pattern) -> Self {
        let mut captures = source.captures();
        let query = source.conditions.iter().flat_map(|conditions| conditions.capture_names());
        captures.extend(query.map(Capture::Named));
        let is_star = |(i, capture): (usize, &Capture<'_>)| (*capture == Capture::Star).then_some(i);
        let stars = captures.iter().enumerate().filter_map(is_star).collect();
        Names { captures, stars }
    }

    /// Splits a text at its placeholders.
    fn template(&self, text: &str, component: Component) -> Result<Template, Message> {
        let mut template = Template::default();
        let (mut literal, mut rest, mut star) = (String::new(), text, 0);
        while let Some(at) = rest.find(['*', ':']) {
            literal.push_str(&rest[..at]);
            let (capture, length) = match rest.as_bytes()[at] {
                b'*' => {
                    star += 1;
                    let capture = self.stars.get(star - 1).copied();
                    (Some(capture.ok_or(TOO_MANY)?), 1)
                }
                _ => self.named(&rest[at..], literal.chars().last(), component)?,
            };
            match capture {
                Some(capture) => {
                    template.literals.push(escaped(&literal));
                    template.captures.push(capture);
                    literal.clear();
                }
                None => literal.push_str(&rest[at..at + length]),
            }
            rest = &rest[at + length..];
        }
        literal.push_str(rest);
        template.literals.push(escaped(&literal));
        Ok(template)
    }

    /// Returns the capture of a placeholder at the begin of the text, and the length of the placeholder. A
    /// colon that begins no placeholder is literal.
    fn named(
        &self,
        text: &str,
        before: Option<char>,
        component: Component,
    ) -> Result<(Option<usize>, usize), Message> {
        let length = name_length(&text[1..]);
        let name = &text[1..=length];
        if let Some(capture) = self.captures.iter().position(|capture| *capture == Capture::Named(name)) {
            // `:name*` is the spelling of a source that ends with it.
            let star = usize::from(component == Component::Path && text[1 + length..].starts_with('*'));
            return Ok((Some(capture), 1 + length + star));
        }
        if text.starts_with(SPLAT) {
            return Ok((Some(self.stars.last().copied().ok_or(TOO_MANY)?), SPLAT.len()));
        }
        let begins = match component {
            Component::Path => before == Some('/'),
            Component::Query => before == Some('='),
            Component::Fragment => before.is_none(),
        };
        match length > 0 && begins {
            true => Err(format!(
                "must contain only placeholders of the source, got `:{name:.50}`; write %3A for a colon"
            )
            .into()),
            false => Ok((None, 1)),
        }
    }
}

const TOO_MANY: &str = "must not contain more `*` or `:splat` than the source contains `*`";

/// Decodes percent-encoding up to four times, because some clients and proxies decode more than once.
fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..4 {
        let next = percent_decoded(&text);
        if next == text {
            break;
        }
        text = next;
    }
    text
}

/// Returns whether the text contains characters that clients may remove or interpret as a slash.
fn has_unsafe_chars(text: &str) -> bool {
    let is_unsafe = |c: char| c.is_control() || c == '\\';
    text.chars().any(|c| is_unsafe(c) || c.is_whitespace()) || unescaped(text).chars().any(is_unsafe)
}

/// Appends the query of the destination (`own`), then the parameters of the request. A parameter of the
/// destination replaces the parameters of the request with the same name. Parameters that the conditions name
/// are omitted.
fn merge_query(location: &mut String, own: &str, query: &str, conditions: Option<&Conditions>) {
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
    let is_condition = |pair: &str| {
        let name = || decode_query(pair.split('=').next().unwrap_or_default());
        conditions.is_some_and(|conditions| {
            !conditions.query.is_empty() && {
                let name = name();
                conditions.query.iter().any(|(known, _)| *known == name)
            }
        })
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty() && !is_condition(pair)) {
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
