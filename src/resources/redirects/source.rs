//! Sources of rules: a path, possibly with captures, and conditions.
use std::borrow::Cow;

/// Exact patterns precede prefixes and wildcards.
pub use entity::redirect::RedirectKind as Kind;

use super::{
    conditions::{Conditions, SourceHost, parse_countries, parse_languages, parse_query},
    hosts::split_url,
    path::{canonical, has_dot_segments, name_length},
};

/// Maximum number of characters of a source or a destination.
pub const MAX_LENGTH: usize = 1000;
/// Upper bound (exclusive) of the number of slashes in a prefix or a wildcard.
pub const MAX_DEPTH: usize = 16;
/// Maximum number of `*` and placeholders in the path of a source.
pub const MAX_CAPTURES: usize = 10;

type Message = Cow<'static, str>;

/// The source of a rule: one path, a path with everything below it, or a path with `*` or placeholders in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pub kind: Kind,
    /// In canonical form, without the `/*` of a prefix. `%3A` is a colon that begins no placeholder.
    pub path: String,
    /// `None` for a source that is only a path.
    pub conditions: Option<Box<Conditions>>,
}

/// The name of a captured part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture<'a> {
    /// `*`
    Star,
    /// `:name`, or `:name*` at the end.
    Named(&'a str),
}

/// A part of a path between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    /// `*` or `:name`.
    Any,
    /// Literal text before, between and after the captures.
    Glob(Vec<Box<str>>),
}

/// The part of a path that any number of segments can match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    None,
    /// `/*` at the end.
    Segments,
    /// A final segment that ends with `*`: the literal text before each of its captures.
    Tail(Vec<Box<str>>),
}

impl Pattern {
    /// Parses a source: `/a`, `/a/*`, `/a/:id?page=:page`, `https://acme.test/a Country=FR Language=fr`. The
    /// error is the message of the violation.
    pub fn parse(text: &str) -> Result<Pattern, Message> {
        // A percent-encoded character has up to 12 characters, and exports encode them.
        if text.len() > 12 * MAX_LENGTH {
            return Err("must be at most 1000 characters".into());
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\\' | '#')) {
            return Err("must be without a fragment, backslashes and control characters".into());
        }
        let mut conditions = Conditions::default();
        let text = split_client_conditions(text, &mut conditions)?;
        let text = split_host(text, &mut conditions)?;
        let path = match text.split_once('?') {
            None => text,
            Some((path, query)) => {
                conditions.query = parse_query(query)?;
                path
            }
        };
        let (kind, path) = parse_path(if path.is_empty() { "/" } else { path })?;
        let conditions = (!conditions.is_empty()).then(|| Box::new(conditions));
        let pattern = Pattern { kind, path, conditions };
        pattern.check_names()?;
        // Escapes can make the canonical text longer.
        if text.len() > MAX_LENGTH / 6 && pattern.text().chars().count() > MAX_LENGTH {
            return Err("must be at most 1000 characters with its escapes".into());
        }
        Ok(pattern)
    }

    /// Returns the source of one path.
    pub fn exact(path: String) -> Pattern {
        Pattern { kind: Kind::Exact, path, conditions: None }
    }

    /// Rejects two captures with the same name.
    fn check_names(&self) -> Result<(), Message> {
        let mut names: Vec<&str> = Vec::new();
        let query = self.conditions.iter().flat_map(|conditions| conditions.capture_names());
        for name in self.captures().into_iter().filter_map(Capture::name).chain(query) {
            if names.contains(&name) {
                return Err(format!("must not contain the placeholder `:{name:.50}` twice").into());
            }
            names.push(name);
        }
        Ok(())
    }

    /// Returns the source as clients write it.
    pub fn text(&self) -> String {
        let path = self.path_text();
        match &self.conditions {
            None => path,
            Some(conditions) => {
                let host = conditions.host.as_ref().map(SourceHost::text).unwrap_or_default();
                let query = conditions.query_text(('?', '&'));
                format!("{host}{path}{query}{}", conditions.client_text())
            }
        }
    }

    /// Returns the path as clients write it.
    pub fn path_text(&self) -> String {
        let path = match self.kind {
            Kind::Prefix => format!("{}/*", self.path),
            _ => self.path.clone(),
        };
        // Otherwise the path would be parsed as one with conditions, or a file format would remove the space.
        match path.contains(' ') && (path.ends_with(' ') || has_condition_token(&path)) {
            true => path.replace(' ', "%20"),
            false => path,
        }
    }

    /// Returns the pattern with hyphens for slashes. Several patterns may have the same key form.
    pub fn key_form(&self) -> String {
        self.text().replace('/', "-")
    }

    /// Returns the source without the names of its placeholders. Sources with the same shape match the same
    /// requests.
    pub fn shape(&self) -> String {
        let full = self.full_path();
        let count = full.split('/').count();
        let shape = |(i, segment)| shape_of_segment(segment, i + 1 == count);
        let path: Vec<String> = full.split('/').enumerate().map(shape).collect();
        let Some(conditions) = &self.conditions else { return path.join("/") };
        let host = conditions.host.as_ref().map(SourceHost::text).unwrap_or_default();
        let query: String = conditions.query_text(('?', '&'));
        let query: Vec<&str> = query
            .split_inclusive('=')
            .map(|part| {
                if part.starts_with(':') { part.split_once('&').map_or(":", |(_, rest)| rest) } else { part }
            })
            .collect();
        format!("{host}{} {}{}", path.join("/"), query.concat(), conditions.client_text())
    }

    fn full_path(&self) -> Cow<'_, str> {
        match self.kind {
            Kind::Prefix => Cow::Owned(format!("{}/*", self.path)),
            _ => Cow::Borrowed(&self.path),
        }
    }

    /// Returns the path of a pattern without captures within it as requests have it.
    pub fn literal_path(&self) -> Cow<'_, str> {
        match self.path.contains("/%3A") {
            true => Cow::Owned(self.path.replace("/%3A", "/:")),
            false => Cow::Borrowed(&self.path),
        }
    }

    /// Returns the captures of the path, in order.
    pub fn captures(&self) -> Vec<Capture<'_>> {
        match self.kind {
            Kind::Exact => Vec::new(),
            Kind::Prefix => vec![Capture::Star],
            Kind::Wildcard => self.path.split('/').flat_map(|segment| tokens(segment).1).collect(),
        }
    }

    /// Returns the segments of the path and the rest.
    pub fn segments(&self) -> (Vec<Segment>, Rest) {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        let literal = |text: &str| match text.strip_prefix("%3A") {
            Some(rest) => Segment::Literal(format!(":{rest}")),
            None => Segment::Literal(text.to_owned()),
        };
        match self.kind {
            Kind::Prefix if path.is_empty() => return (Vec::new(), Rest::Segments),
            Kind::Prefix => return (path.split('/').map(literal).collect(), Rest::Segments),
            Kind::Exact => return (path.split('/').map(literal).collect(), Rest::None),
            Kind::Wildcard => {}
        }
        let mut segments = Vec::new();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            let (mut literals, captures, is_rest) = tokens(part);
            let boxed = |literals: Vec<&str>| literals.into_iter().map(Box::from).collect();
            if is_rest && parts.peek().is_none() {
                literals.pop();
                let rest = if literals == [""] { Rest::Segments } else { Rest::Tail(boxed(literals)) };
                return (segments, rest);
            }
            segments.push(match captures.len() {
                0 => literal(part),
                1 if literals == ["", ""] => Segment::Any,
                _ => Segment::Glob(boxed(literals)),
            });
        }
        (segments, Rest::None)
    }

    /// Returns a path that the pattern matches, with `capture` for each capture.
    pub fn sample(&self, capture: &str) -> String {
        match self.kind {
            Kind::Prefix => format!("{}/{capture}", self.literal_path()),
            Kind::Exact => self.literal_path().into_owned(),
            Kind::Wildcard => {
                let (segments, rest) = self.segments();
                let mut sample = String::new();
                let join = |literals: &[Box<str>]| literals.join(capture);
                for segment in &segments {
                    sample.push('/');
                    match segment {
                        Segment::Literal(text) => sample.push_str(text),
                        Segment::Any => sample.push_str(capture),
                        Segment::Glob(literals) => sample.push_str(&join(literals)),
                    }
                }
                match rest {
                    Rest::None => {}
                    Rest::Segments => sample.extend(["/", capture]),
                    Rest::Tail(literals) => sample.extend(["/", &join(&literals), capture]),
                }
                sample
            }
        }
    }

    pub fn host(&self) -> Option<&SourceHost> {
        self.conditions.as_ref()?.host.as_ref()
    }
}

impl<'a> Capture<'a> {
    fn name(self) -> Option<&'a str> {
        match self {
            Capture::Star => None,
            Capture::Named(name) => Some(name),
        }
    }
}

/// Splits a segment at its captures. Returns the literal text around the captures, the captures, and whether
/// the last one can match the rest of a path.
fn tokens(segment: &str) -> (Vec<&str>, Vec<Capture<'_>>, bool) {
    let (mut literals, mut captures) = (Vec::new(), Vec::new());
    let (mut rest, mut is_rest) = (segment, false);
    if let Some(name) = segment.strip_prefix(':').filter(|name| name_length(name) > 0) {
        let (name, after) = name.split_at(name_length(name));
        literals.push("");
        captures.push(Capture::Named(name));
        is_rest = after == "*";
        rest = if is_rest { "" } else { after };
    }
    while let Some((before, after)) = rest.split_once('*') {
        literals.push(before);
        captures.push(Capture::Star);
        is_rest = after.is_empty();
        rest = after;
    }
    literals.push(rest);
    (literals, captures, is_rest)
}

/// Returns a segment with `:` for each capture, and `*` for the one that can match the rest of the path.
fn shape_of_segment(segment: &str, is_last: bool) -> String {
    let (literals, captures, is_rest) = tokens(segment);
    match captures.is_empty() {
        true => segment.to_owned(),
        false if is_rest && is_last => format!("{}*", literals[..literals.len() - 1].join(":")),
        false => literals.join(":"),
    }
}

fn is_condition(token: &str) -> Option<(bool, &str)> {
    let (name, values) = token.split_once('=')?;
    if name.eq_ignore_ascii_case("country") {
        return Some((true, values));
    }
    name.eq_ignore_ascii_case("language").then_some((false, values))
}

fn has_condition_token(text: &str) -> bool {
    text.split(' ').skip(1).any(|token| is_condition(token).is_some())
}

/// Removes ` Country=…` and ` Language=…` from the end of the text.
fn split_client_conditions<'a>(text: &'a str, conditions: &mut Conditions) -> Result<&'a str, Message> {
    let mut left = text;
    while let Some((before, token)) = left.rsplit_once(' ') {
        let Some((is_country, values)) = is_condition(token) else { break };
        let repeated = match is_country {
            true => !std::mem::replace(&mut conditions.countries, parse_countries(values)?).is_empty(),
            false => !std::mem::replace(&mut conditions.languages, parse_languages(values)?).is_empty(),
        };
        if repeated {
            return Err(
                "must not contain a condition twice: separate values by commas, such as Country=FR,BE".into(),
            );
        }
        left = before.trim_end_matches(' ');
    }
    Ok(left)
}

/// Removes the scheme and the host from the begin of the text.
fn split_host<'a>(text: &'a str, conditions: &mut Conditions) -> Result<&'a str, Message> {
    if text.starts_with('/') {
        return Ok(text);
    }
    match split_url(text) {
        None => Err("must begin with a slash, such as /old, or with http:// or https:// and a host".into()),
        Some(Err(message)) => Err(message.into()),
        Some(Ok(url)) => {
            conditions.host = Some(SourceHost { name: url.host, is_plain: !url.is_https });
            Ok(url.path)
        }
    }
}

/// Parses the path of a source. Returns it in canonical form, without the `/*` of a prefix.
fn parse_path(text: &str) -> Result<(Kind, String), Message> {
    let text = if text.len() > 1 { text.strip_suffix('/').unwrap_or(text) } else { text };
    let mut path = String::with_capacity(text.len());
    let mut count = 0;
    let mut segments = text.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        path.push('/');
        let decoded = canonical_segment(segment)?;
        let (literals, captures, is_rest) = tokens(&decoded);
        count += captures.len();
        if let Some(at) = literals.iter().skip(1).find_map(|text| text.find(':').map(|at| &text[at..]))
            && matches!(captures.first(), Some(Capture::Named(_)))
            && name_length(&at[1..]) > 0
        {
            return Err(format!(
                "must contain placeholders only at the begin of a segment, got `{at:.50}`; write %3A for a colon"
            )
            .into());
        }
        let touching =
            literals.len() > 2 && literals[1..literals.len() - 1].iter().any(|text| text.is_empty());
        if touching {
            return Err("must not contain `**`, nor `*` after a placeholder within the path".into());
        }
        let named_rest = matches!(captures.last(), Some(Capture::Named(_))) && is_rest;
        if named_rest && segments.peek().is_some() {
            return Err("must contain `:name*` only at the end".into());
        }
        path.push_str(&decoded);
    }
    if path.len() > 1 && (path.contains("//") || path.ends_with('/')) || has_dot_segments(&path) {
        return Err("must not contain empty segments, `.` or `..`".into());
    }
    if count > MAX_CAPTURES {
        return Err("must contain at most 10 `*` and placeholders".into());
    }
    let (kind, path) = match path.strip_suffix("/*") {
        _ if count == 0 => (Kind::Exact, path),
        Some(above) if count == 1 => (Kind::Prefix, above.to_owned()),
        _ => (Kind::Wildcard, path),
    };
    if kind != Kind::Exact && path.matches('/').count() >= MAX_DEPTH {
        return Err("must contain fewer than 16 slashes if it contains `*` or placeholders".into());
    }
    Ok((kind, path))
}

/// Returns a segment in canonical form. A colon that begins no placeholder is `%3A` if it could begin one.
fn canonical_segment(segment: &str) -> Result<String, Message> {
    const ESCAPES: &str = "must contain only escapes of valid UTF-8, such as %20";
    let is_placeholder = |text: &str| text.strip_prefix(':').is_some_and(|name| name_length(name) > 0);
    // With a slash, because the canonical form has no trailing slash.
    let path = format!("/{segment}");
    let decoded = canonical(&path).ok_or(ESCAPES)?;
    let decoded = decoded.strip_prefix('/').unwrap_or_default();
    match is_placeholder(decoded) && !is_placeholder(segment) {
        true => Ok(format!("%3A{}", &decoded[1..])),
        false => Ok(decoded.to_owned()),
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
