//! A query string taken apart strictly: a sequence of names and values, or what is wrong with it.
use std::borrow::Cow;

use super::violation::{ErrorCode, Place, Violation, excerpt};

/// Bytes of a raw query.
pub const MAX_QUERY: usize = 8 * 1024;
pub const MAX_PARAMETERS: usize = 50;

/// Names and values, decoded, in their order. A part that cannot be read is a violation and left out.
pub(super) fn pairs<'q>(raw: &'q str, out: &mut Vec<Violation>) -> Vec<(Cow<'q, str>, Cow<'q, str>)> {
    if let Some((code, message)) = too_much(raw) {
        out.push(Violation::new(Place::Parameter("?".into()), code, message));
        return Vec::new();
    }
    let mut pairs = Vec::new();
    for part in parts(raw) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(name) = decode(name) else {
            out.push(undecodable(name, "its name"));
            continue;
        };
        match decode(value) {
            Some(value) => pairs.push((name, value)),
            None => out.push(undecodable(&name, "its value")),
        }
    }
    pairs
}

fn parts(raw: &str) -> impl Iterator<Item = &str> {
    raw.split('&').filter(|part| !part.is_empty())
}

fn too_much(raw: &str) -> Option<(ErrorCode, String)> {
    if raw.len() > MAX_QUERY {
        let message = format!("the query must be at most {MAX_QUERY} bytes long, is {}", raw.len());
        return Some((ErrorCode::TooLong, message));
    }
    let count = parts(raw).count();
    let message = || format!("the query must have at most {MAX_PARAMETERS} parameters, has {count}");
    (count > MAX_PARAMETERS).then(|| (ErrorCode::TooManyItems, message()))
}

fn undecodable(name: &str, what: &str) -> Violation {
    let message = format!("{what} must be percent-encoded UTF-8");
    Violation::new(Place::Parameter(excerpt(name).into_owned()), ErrorCode::Encoding, message)
}

/// `application/x-www-form-urlencoded` without its leniency: a stray `%` and bytes that are not UTF-8 fail.
pub fn decode(text: &str) -> Option<Cow<'_, str>> {
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
