//! File formats of redirects: JSON map, CSV, and the `_redirects` file of Netlify.
mod csv;
mod json;
mod netlify;

use std::borrow::Cow;

pub use self::{
    csv::{Csv, from_csv, to_csv},
    json::from_map,
    netlify::{Netlify, from_netlify, to_netlify},
};
use super::types::RedirectInput;
use crate::schema::{ErrorCode, Location, Violation};

/// A rule from a file, and its location in the file.
#[derive(Debug, Clone)]
pub struct Entry {
    pub place: Place,
    pub new: RedirectInput,
    /// Whether the rule is skipped with a warning if it redirects to itself. In some formats, such rules only
    /// add or remove a slash.
    pub may_be_without_effect: bool,
}

/// The location of a rule in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a text file, from 1; 0 for the file as a whole.
    Line(u64),
    /// A rule of a JSON map: its number, from 0, and its JSON pointer.
    Field(usize, String),
}

/// A message about a location in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    pub place: Place,
    pub message: String,
}

/// The content of a file.
#[derive(Debug, Clone, Default)]
pub struct ParsedFile {
    pub entries: Vec<Entry>,
    /// The errors: nothing of the file is imported.
    pub errors: Vec<Remark>,
    /// The lines that are not imported.
    pub skipped: Vec<Remark>,
    /// Other remarks.
    pub warnings: Vec<Remark>,
}

impl ParsedFile {
    /// Returns a file that contains only an error.
    fn invalid(place: Place, message: impl Into<String>) -> Self {
        ParsedFile { errors: vec![Remark::new(place, message)], ..ParsedFile::default() }
    }
}

impl Entry {
    pub fn new(place: Place, new: RedirectInput) -> Self {
        Entry { place, new, may_be_without_effect: false }
    }

    /// Returns a remark about a field of the rule.
    pub fn remark(&self, field: &str, message: &str) -> Remark {
        Remark::new(self.place.clone(), format!("{field}: {message}"))
    }
}

impl Place {
    /// Returns the location as it precedes a message: `line 3`.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Place::Line(0) => "file".into(),
            Place::Line(line) => format!("line {line}").into(),
            Place::Field(_, pointer) => pointer.as_str().into(),
        }
    }
}

impl Remark {
    pub fn new(place: Place, message: impl Into<String>) -> Self {
        Remark { place, message: message.into() }
    }

    /// Returns the message with its location: `line 3: must …`.
    pub fn text(&self) -> String {
        format!("{}: {}", self.place.text(), self.message)
    }

    /// Returns the violation of a request body.
    pub fn violation(&self) -> Violation {
        let (pointer, message) = match &self.place {
            Place::Line(_) => ("#".to_owned(), self.text()),
            Place::Field(_, pointer) => (pointer.clone(), self.message.clone()),
        };
        Violation::new(Location::Pointer(pointer), ErrorCode::Invalid, &message)
    }
}

#[cfg(test)]
mod tests;
