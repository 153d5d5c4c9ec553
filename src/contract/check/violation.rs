//! What is wrong with an input, and where.
use std::{borrow::Cow, fmt::Write as _};

use serde::{Serialize, Serializer};

/// As many violations of one input are named; a hostile one has no bound of its own.
pub const MAX_VIOLATIONS: usize = 100;

/// One thing that is wrong; the message is for a person and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    pub place: Place,
    pub code: ErrorCode,
    pub message: String,
}

impl Violation {
    pub fn new(place: Place, code: ErrorCode, message: impl Into<String>) -> Self {
        Violation { place, code, message: message.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Into the body: a JSON pointer in its URI fragment form (RFC 6901, 6), `#/tags/3`.
    Pointer(String),
    /// A query or path parameter; `?` is the query as a whole.
    Parameter(String),
    Header(String),
}

macro_rules! codes {
    ($($variant:ident = $text:literal,)*) => {
        /// The closed list of what can be wrong with one place.
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

/// Sorted by place, each said once.
pub fn in_order(mut violations: Vec<Violation>) -> Vec<Violation> {
    violations.sort();
    violations.dedup();
    violations
}

/// At most 40 characters of what a client sent.
pub(super) fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(40) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(39).chain(['…']).collect()),
    }
}

/// `a, b or c`; of a long list only the beginning.
pub(super) fn one_of<T: AsRef<str>>(names: impl ExactSizeIterator<Item = T>) -> String {
    const SHOWN: usize = 12;
    let count = names.len();
    let mut text = String::new();
    for (i, name) in names.take(SHOWN).enumerate() {
        let joint = match i {
            0 => "",
            _ if i + 1 == count => " or ",
            _ => ", ",
        };
        text.push_str(joint);
        text.push_str(name.as_ref());
    }
    if count > SHOWN {
        let _ = write!(text, " or one of {} more", count - SHOWN);
    }
    text
}

/// `1 character`, `2 characters`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
