//! Calendar dates (RFC 3339 `full-date`) and months.
use std::{fmt, ops::RangeInclusive, str::FromStr};

use chrono::{Datelike, Months, NaiveDate};
use poem_openapi::registry::MetaSchema;

use super::{pattern, scalar::string_scalar};

/// The accepted years: enough for accounting, and few enough that a list of all their months stays small.
pub const SUPPORTED_YEARS: RangeInclusive<u16> = 1900..=2199;

/// A malformed date or month, or one outside the accepted years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date or month in the years 1900 to 2199")]
pub struct InvalidDate;

/// Parses `YYYY-MM-DD`. Stricter than chrono, which accepts signs and missing zeros.
fn parse_date(text: &str) -> Result<NaiveDate, InvalidDate> {
    let is_expected =
        |(i, byte): (usize, u8)| if matches!(i, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    if text.len() != 10 || !text.bytes().enumerate().all(is_expected) {
        return Err(InvalidDate);
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u16>().map_err(|_| InvalidDate);
    let year = Some(number(0..4)?).filter(|year| SUPPORTED_YEARS.contains(year)).ok_or(InvalidDate)?;
    NaiveDate::from_ymd_opt(year.into(), number(5..7)?.into(), number(8..10)?.into()).ok_or(InvalidDate)
}

/// A calendar date from 1900-01-01 to 2199-12-31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

impl FromStr for Date {
    type Err = InvalidDate;
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        parse_date(text).map(Date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ISO 8601, `YYYY-MM-DD` for these years.
        self.0.fmt(f)
    }
}

// The format checks the length of the month, which the pattern cannot express.
string_scalar!([] Date, "date", MetaSchema {
    pattern: Some(pattern::DATE.regex.to_owned()),
    min_length: Some(10),
    max_length: Some(10),
    example: Some("2026-11-21".into()),
    ..MetaSchema::new_with_format("string", "date")
});

/// A calendar month from 1900-01 to 2199-12, stored as its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

impl Month {
    /// Returns the month that contains `date`.
    pub fn from_date(date: Date) -> Self {
        Month(date.0.with_day(1).unwrap_or(date.0))
    }

    pub fn first_day(self) -> Date {
        Date(self.0)
    }

    /// Returns the month `months` earlier, or this month if the result is outside chrono's calendar.
    pub fn minus_months(self, months: u32) -> Self {
        Month(self.0.checked_sub_months(Months::new(months)).unwrap_or(self.0))
    }

    /// Returns the following month.
    pub fn next(self) -> Self {
        Month(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// Returns the number of months from this one to `end`, inclusive.
    pub fn months_through(self, end: Month) -> i64 {
        let index = |month: Month| i64::from(month.0.year()) * 12 + i64::from(month.0.month0());
        index(end) - index(self) + 1
    }
}

impl FromStr for Month {
    type Err = InvalidDate;
    fn from_str(text: &str) -> Result<Self, InvalidDate> {
        parse_date(&format!("{text}-01")).map(Month)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

string_scalar!([] Month, "month", MetaSchema {
    pattern: Some(pattern::MONTH.regex.to_owned()),
    min_length: Some(7),
    max_length: Some(7),
    example: Some("2026-11".into()),
    ..MetaSchema::new("string")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_months_across_years() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert_eq!(month("2026-01").minus_months(2).to_string(), "2025-11");
        assert_eq!(month("2025-12").next().to_string(), "2026-01");
        assert_eq!(month("2025-12").months_through(month("2026-11")), 12);
        assert_eq!(Month::from_date("2026-02-28".parse().unwrap()).to_string(), "2026-02");
        for wrong in ["2026-13", "2026-1x", "2026", "2026-11-01", "1899-12", "2200-01", "0000-01", "2026-1"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn accepts_calendar_dates_in_the_accepted_years() {
        for date in ["1900-01-01", "2199-12-31", "2024-02-29"] {
            assert_eq!(date.parse::<Date>().map(|date| date.to_string()).as_deref(), Ok(date));
        }
        for wrong in
            ["1899-12-31", "2200-01-01", "2023-02-30", "2023-2-03", "+2023-02-3", "20230203", "２０２３-0"]
        {
            assert!(wrong.parse::<Date>().is_err(), "{wrong}");
        }
    }
}
