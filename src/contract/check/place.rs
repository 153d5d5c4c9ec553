//! The way from an input's root to a value: links on the stack, written out only when something is wrong.
use std::fmt::Write as _;

use super::violation::Place;

/// Longer member names are cut in a pointer: they are the client's, and have no bound of their own.
const MAX_TOKEN: usize = 128;

#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Body(&'a str),
    Parameter(&'a str),
    Header(&'a str),
    Member(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl At<'_> {
    pub fn place(&self) -> Place {
        match self {
            At::Parameter(name) => Place::Parameter((*name).to_owned()),
            At::Header(name) => Place::Header((*name).to_owned()),
            At::Body(pointer) => Place::Pointer((*pointer).to_owned()),
            At::Member(parent, name) => match parent.place() {
                Place::Pointer(mut pointer) => {
                    push_token(&mut pointer, name);
                    Place::Pointer(pointer)
                }
                other => other,
            },
            At::Item(parent, index) => match parent.place() {
                Place::Pointer(mut pointer) => {
                    let _ = write!(pointer, "/{index}");
                    Place::Pointer(pointer)
                }
                other => other,
            },
        }
    }

    /// A parameter is one place, so its message has to say which of its values is meant.
    pub fn prefix(&self) -> Option<String> {
        match self {
            At::Item(At::Parameter(_) | At::Header(_), index) => Some(format!("value {}: ", index + 1)),
            At::Item(parent, _) | At::Member(parent, _) => parent.prefix(),
            _ => None,
        }
    }
}

/// Appends `/token`, escaped for a pointer (`~0`, `~1`) and for a fragment (RFC 3986, 3.5).
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for (i, c) in token.chars().enumerate() {
        if i == MAX_TOKEN {
            pointer.push_str("%E2%80%A6");
            return;
        }
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c if c.is_ascii_alphanumeric() || "-._!$&'()*+,;=:@?".contains(c) => pointer.push(c),
            c => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(pointer, "%{byte:02X}");
                }
            }
        }
    }
}
