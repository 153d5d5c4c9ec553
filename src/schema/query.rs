//! Strict parsing of query strings.
use std::borrow::Cow;

use super::violation::{ErrorCode, Location, Violation, excerpt};

/// The maximum size of a raw query, in bytes.
pub const MAX_QUERY: usize = 8 * 1024;
/// The maximum number of parameters in a query.
pub const MAX_PARAMETERS: usize = 50;

/// Returns the decoded names and values in their order. A parameter that cannot be decoded is omitted and
/// reported.
pub(super) fn parse_pairs<'q>(raw: &'q str, out: &mut Vec<Violation>) -> Vec<(Cow<'q, str>, Cow<'q, str>)> {
    if let Some((code, message)) = limit_violation(raw) {
        out.push(Violation::new(Location::Parameter("?".into()), code, message));
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for part in parts(raw) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(name) = form_decode(name) else {
            out.push(undecodable(name, "the name"));
            continue;
        };
        match form_decode(value) {
            Some(value) => pairs.push((name, value)),
            None => out.push(undecodable(&name, "the value")),
        }
    }
    pairs
}

fn parts(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('&').filter(|part| !part.is_empty())
}

fn limit_violation(raw: &str) -> Option<(ErrorCode, String)> {
    if raw.len() > MAX_QUERY {
        let message = format!("the query must be at most {MAX_QUERY} bytes, got {}", raw.len());
        return Some((ErrorCode::TooLong, message));
    }
    let count = parts(raw).count();
    let message = || format!("the query must have at most {MAX_PARAMETERS} parameters, got {count}");
    (count > MAX_PARAMETERS).then(|| (ErrorCode::TooManyItems, message()))
}

fn undecodable(name: &str, part: &str) -> Violation {
    let message = format!("{part} must be percent-encoded UTF-8");
    Violation::new(Location::Parameter(excerpt(name).into_owned()), ErrorCode::Encoding, message)
}

/// Decodes `application/x-www-form-urlencoded` text strictly: an incomplete `%` escape and invalid UTF-8
/// fail.
pub fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
