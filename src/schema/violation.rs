//! Violations: the location, code and message of each error in an input.
use std::{borrow::Cow, fmt::Write as _};

use serde::{Serialize, Serializer};

/// The maximum number of violations in a response. A hostile input could otherwise cause a response of any
/// size.
pub const MAX_VIOLATIONS: usize = 100;

/// A violation of one rule. The message is for people and states the rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub location: Location,
    pub code: ErrorCode,
    pub message: String,
}

impl Violation {
    pub fn new(place: Location, code: ErrorCode, message: impl Into<String>) -> Self {
        Violation { location: place, code, message: message.into() }
    }
}

/// The location of a violation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A JSON Pointer into the body, as a URI fragment (RFC 6901, section 6): `#/tags/3`.
    Pointer(String),
    /// A query or path parameter. `?` is the whole query.
    Parameter(String),
    /// A header.
    Header(String),
}

impl Location {
    /// Returns the location of the whole body.
    pub fn body() -> Self {
        Location::Pointer("#".to_owned())
    }
}

macro_rules! codes {
    ($($variant:ident = $text:literal,)*) => {
        /// The machine-readable kind of a violation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode { $($variant,)* }

        impl ErrorCode {
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text,)* }
            }
        }
    };
}

codes! {
    Required = "required",
    Unknown = "unknown",
    Duplicate = "duplicate",
    Type = "type",
    Format = "format",
    Pattern = "pattern",
    TooShort = "too-short",
    TooLong = "too-long",
    TooSmall = "too-small",
    TooLarge = "too-large",
    TooFewItems = "too-few-items",
    TooManyItems = "too-many-items",
    TooCommon = "too-common",
    TooSimilar = "too-similar",
    NotUnique = "not-unique",
    NotInEnum = "not-in-enum",
    Encoding = "encoding",
    Malformed = "malformed",
    TooDeep = "too-deep",
    Conflict = "conflict",
    Invalid = "invalid",
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// Sorts violations by location and removes duplicates.
pub fn sorted(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort();
    violations.dedup();
    violations
}

/// Returns at most 40 characters of client input.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(39).chain(['…']).collect()),
    }
}

/// Returns `a, b or c`. A list of more than 12 names is shortened.
pub(super) fn join_or<T: AsRef<str>>(names: impl ExactSizeIterator<Item = T>) -> String {
    const MAX_NAMES: usize = 12;
    let count = names.len();
    let mut text = String::new();
    for (i, name) in names.take(MAX_NAMES).enumerate() {
        let separator = match i {
            0 => "",
            _ if i + 1 == count => " or ",
            _ => ", ",
        };
        text.push_str(separator);
        text.push_str(name.as_ref());
    }
    if count > MAX_NAMES {
        let _ = write!(text, " or one of {} more", count - MAX_NAMES);
    }
    text
}

/// Returns `1 character`, `2 characters`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
