//! Days without a time (RFC 3339 full-date), and months.
use std::{fmt, str::FromStr};

use chrono::{Datelike, Months, NaiveDate};
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

/// A month of the calendar: its first day.
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
    type Err = chrono::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").map(Month)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m"))
    }
}

string_scalar!([] Month, "month", MetaSchema {
    pattern: Some("^[0-9]{4}-(0[1-9]|1[0-2])$".to_owned()),
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
        for wrong in ["2026-13", "2026-1x", "2026", "2026-11-01"] {
            assert!(wrong.parse::<Month>().is_err(), "{wrong}");
        }
    }
}
