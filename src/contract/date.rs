//! Days without a time (RFC 3339 full-date), and months.
use std::{fmt, ops::RangeInclusive, str::FromStr};

use chrono::{Datelike, Months, NaiveDate};
use poem_openapi::registry::MetaSchema;

use super::scalar::string_scalar;

/// The years of the contract: wide enough for books, and narrow enough for all their months to be listed.
pub const YEARS: RangeInclusive<u16> = 1900..=2199;

/// What is no day or month, or lies outside of these years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not of this form, or not in the years 1900 to 2199")]
pub struct NoDate;

/// The day in these ten characters; the pattern of [`Date`], and the calendar.
fn day(text: &str) -> Result<NaiveDate, NoDate> {
    let plain =
        |(i, byte): (usize, u8)| if matches!(i, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() };
    if text.len() != 10 || !text.bytes().enumerate().all(plain) {
        return Err(NoDate);
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| NoDate)?;
    let known = u16::try_from(day.year()).is_ok_and(|year| YEARS.contains(&year));
    known.then_some(day).ok_or(NoDate)
}

/// A day of the calendar, from 1900-01-01 to 2199-12-31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

impl FromStr for Date {
    type Err = NoDate;
    fn from_str(text: &str) -> Result<Self, NoDate> {
        day(text).map(Date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%d"))
    }
}

// The format says that the day is there in its month, which no pattern can.
string_scalar!([] Date, "date", MetaSchema {
    pattern: Some("^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$".to_owned()),
    min_length: Some(10),
    max_length: Some(10),
    example: Some("2026-11-21".into()),
    ..MetaSchema::new_with_format("string", "date")
});

/// A month of the calendar, from 1900-01 to 2199-12: its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

impl Month {
    pub fn of(day: Date) -> Self {
        Month(day.0.with_day(1).unwrap_or(day.0))
    }

    pub fn first_day(self) -> Date {
        Date(self.0)
    }

    /// The month so many months before; the calendar ends somewhere, and so does this.
    pub fn back(self, months: u32) -> Self {
        Month(self.0.checked_sub_months(Months::new(months)).unwrap_or(self.0))
    }

    pub fn next(self) -> Self {
        Month(self.0.checked_add_months(Months::new(1)).unwrap_or(self.0))
    }

    /// How many months there are from this one to `end`, both counted.
    pub fn until(self, end: Month) -> i64 {
        let number = |month: Month| i64::from(month.0.year()) * 12 + i64::from(month.0.month0());
        number(end) - number(self) + 1
    }
}

impl FromStr for Month {
    type Err = NoDate;
    fn from_str(text: &str) -> Result<Self, NoDate> {
        day(&format!("{text}-01")).map(Month)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

string_scalar!([] Month, "month", MetaSchema {
    pattern: Some("^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$".to_owned()),
    min_length: Some(7),
    max_length: Some(7),
    example: Some("2026-11".into()),
    ..MetaSchema::new("string")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_over_the_turn_of_the_year() {
        let month = |text: &str| text.parse::<Month>().unwrap();
        assert_eq!(month("2026-01").back(2).to_string(), "2025-11");
        assert_eq!(month("2025-12").next().to_string(), "2026-01");
        assert_eq!(month("2025-12").until(month("2026-11")), 12);
        assert_eq!(Month::of("2026-02-28".parse().unwrap()).to_string(), "2026-02");
        for wrong in ["2026-13", "2026-1x", "2026", "2026-11-01", "1899-12", "2200-01", "0000-01", "2026-1"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar_in_three_centuries() {
        for day in ["1900-01-01", "2199-12-31", "2024-02-29"] {
            assert_eq!(day.parse::<Date>().map(|day| day.to_string()).as_deref(), Ok(day));
        }
        for wrong in
            ["1899-12-31", "2200-01-01", "2023-02-30", "2023-2-03", "+2023-02-3", "20230203", "２０２３-0"]
        {
            assert!(wrong.parse::<Date>().is_err(), "{wrong}");
        }
    }
}
