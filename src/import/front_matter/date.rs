//! Parses dates in front matter, paths and file names to Unix milliseconds.
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};

/// Parses RFC 3339, a date, or a date with a time of day. Times without an offset are UTC.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return midnight(date);
    }
    let exact = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S %z"))
        .map(|time| time.naive_utc());
    let local = || {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
    };
    exact.ok().or_else(local).and_then(milliseconds)
}

/// Returns the date in three consecutive segments of a path: `news/2025/06/26/a-title`.
pub fn in_path(path: &str) -> Option<i64> {
    let segments: Vec<&str> = path.split('/').collect();
    segments.windows(3).find_map(|window| match window {
        [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2 => {
            let date = NaiveDate::from_ymd_opt(digits(year)? as i32, digits(month)?, digits(day)?)?;
            midnight(date)
        }
        _ => None,
    })
}

/// Splits a file name with a leading date, `2025-06-26-a-title`, into the date and the rest.
pub fn name_prefix(name: &str) -> Option<(i64, &str)> {
    let (date, rest) = name.split_at_checked(10)?;
    let rest = rest.strip_prefix(['-', '_']).filter(|rest| !rest.is_empty())?;
    date.bytes()
        .enumerate()
        .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
        .then(|| parse(date))
        .flatten()
        .map(|time| (time, rest))
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn midnight(date: NaiveDate) -> Option<i64> {
    date.and_hms_opt(0, 0, 0).and_then(milliseconds)
}

/// Returns `None` for times before 1970, because a publication time is greater than 0, and for years after
/// 9999, which RFC 3339 cannot represent.
fn milliseconds(time: NaiveDateTime) -> Option<i64> {
    let milliseconds = time.and_utc().timestamp_millis();
    (milliseconds > 0 && time.year() <= 9999).then_some(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_common_date_formats() {
        let midnight = 1_750_896_000_000;
        for (text, time) in [
            ("2025-06-26", Some(midnight)),
            ("2025-06-26T00:00:00Z", Some(midnight)),
            ("2025-06-26T02:00:00+02:00", Some(midnight)),
            ("2025-06-26 02:00:00 +0200", Some(midnight)),
            ("2025-06-26T00:00:00.250", Some(midnight + 250)),
            ("2025-06-26 00:01", Some(midnight + 60_000)),
            ("2025-02-30", None),
            ("1969-12-31", None),
            ("26/06/2025", None),
            ("", None),
        ] {
            assert_eq!(parse(text), time, "{text}");
        }
    }

    #[test]
    fn finds_dates_in_paths_and_file_names() {
        let midnight = 1_750_896_000_000;
        assert_eq!(in_path("2025/06/26/A-title"), Some(midnight));
        assert_eq!(in_path("inside/2025/06/26/a"), Some(midnight));
        assert_eq!(in_path("2025/13/26/a"), None);
        assert_eq!(in_path("notes/a"), None);
        assert_eq!(name_prefix("2025-06-26-a-title"), Some((midnight, "a-title")));
        assert_eq!(name_prefix("2025-06-26"), None);
        assert_eq!(name_prefix("ÄÄÄÄÄÄÄÄ"), None);
    }
}
