//! Days without a time: RFC 3339 full-date.
use std::{fmt, str::FromStr};

use chrono::NaiveDate;
use poem_openapi::registry::MetaSchema;

use super::scalar::string_scalar;

/// A day of the calendar, in the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

impl FromStr for Date {
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(Date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

string_scalar!([] Date, "date", MetaSchema {
    min_length: Some(10),
    max_length: Some(10),
    example: Some("2026-11-21".into()),
    ..MetaSchema::new_with_format("string", "date")
});
