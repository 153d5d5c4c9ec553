//! Paths from the root of an input to a value. A path is a linked list on the stack, and is formatted only
//! for a violation: valid input causes no allocation.
use std::fmt::Write as _;

use super::violation::Location;

/// Longer field names are shortened in a pointer: the client chooses them, and their length is not limited.
const MAX_TOKEN: usize = 128;

/// A path to a value.
#[derive(Clone, Copy)]
pub(super) enum InstancePath<'a> {
    Body(&'a str),
    Parameter(&'a str),
    Header(&'a str),
    Field(&'a InstancePath<'a>, &'a str),
    Item(&'a InstancePath<'a>, usize),
}

impl InstancePath<'_> {
    /// Returns the location of a violation at this path.
    pub fn location(&self) -> Location {
        match self {
            InstancePath::Parameter(name) => Location::Parameter((*name).to_owned()),
            InstancePath::Header(name) => Location::Header((*name).to_owned()),
            InstancePath::Body(pointer) => Location::Pointer((*pointer).to_owned()),
            InstancePath::Field(parent, name) => match parent.location() {
                Location::Pointer(mut pointer) => {
                    push_token(&mut pointer, name);
                    Location::Pointer(pointer)
                }
                other => other,
            },
            InstancePath::Item(parent, index) => match parent.location() {
                Location::Pointer(mut pointer) => {
                    let _ = write!(pointer, "/{index}");
                    Location::Pointer(pointer)
                }
                other => other,
            },
        }
    }

    /// Returns the index of a value in a list parameter, as a prefix of the message: a parameter has no
    /// pointer.
    pub fn prefix(&self) -> Option<String> {
        match self {
            InstancePath::Item(InstancePath::Parameter(_) | InstancePath::Header(_), index) => {
                Some(format!("value {}: ", index + 1))
            }
            InstancePath::Item(parent, _) | InstancePath::Field(parent, _) => parent.prefix(),
            _ => None,
        }
    }
}

/// Appends `/token`, escaped for a JSON Pointer (`~0`, `~1`) and for a URI fragment (RFC 3986, section 3.5).
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
