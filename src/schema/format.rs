//! Validation of the `format` keyword.
use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Datelike, NaiveDate, Timelike};

use crate::domain::pattern;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Uuid,
    Uri,
    UriReference,
    Email,
    Date,
    DateTime,
    /// A single line of text that is not blank.
    Line,
    /// Text that is not blank.
    Text,
    /// An http or https URL, or a path, without characters that a URL must escape.
    WebUrl,
    /// Text without control characters.
    NoControls,
    /// The name of an uploaded file.
    FileName,
    Int32,
    Int64,
    /// An annotation that does not constrain the value: `binary`, `double`, `password`.
    Annotation,
}

impl Format {
    pub fn from_name(name: &str) -> Result<Format, String> {
        Ok(match name {
            "uuid" => Format::Uuid,
            "uri" => Format::Uri,
            "uri-reference" => Format::UriReference,
            "email" => Format::Email,
            "date" => Format::Date,
            "date-time" => Format::DateTime,
            "line" => Format::Line,
            "text" => Format::Text,
            "web-url" => Format::WebUrl,
            "no-controls" => Format::NoControls,
            "file-name" => Format::FileName,
            "int32" => Format::Int32,
            "int64" => Format::Int64,
            "binary" | "double" | "password" => Format::Annotation,
            other => return Err(format!("`{other}` is not supported")),
        })
    }

    pub fn is_valid(self, text: &str) -> bool {
        match self {
            Format::Uuid => is_uuid(text),
            Format::Uri => is_uri(text),
            Format::UriReference => is_uri_reference(text),
            Format::Email => is_email(text),
            Format::Date => is_date(text),
            Format::DateTime => is_date_time(text),
            Format::Line => text.chars().any(is_visible) && !text.chars().any(is_forbidden_in_line),
            Format::Text => text.chars().any(is_visible),
            Format::WebUrl => {
                !text.chars().any(|c| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c))
            }
            Format::NoControls => !text.chars().any(char::is_control),
            Format::FileName => text.chars().any(|c| !c.is_control() && !" ./\\".contains(c)),
            Format::Int32 | Format::Int64 | Format::Annotation => true,
        }
    }

    /// Returns the range of an integer format.
    pub fn range(self) -> Option<(i64, i64)> {
        match self {
            Format::Int32 => Some((i32::MIN.into(), i32::MAX.into())),
            Format::Int64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        }
    }

    /// Returns the message for invalid values.
    pub fn message(self) -> &'static str {
        match self {
            Format::Uuid => "must be a UUID, such as 01890a5d-ac96-774b-bcce-b302099a8057",
            Format::Uri => "must be an absolute http or https URL, such as https://example.com/page",
            Format::UriReference => "must be a URL, or a path such as /posts/first",
            Format::Email => "must be an e-mail address, such as ada@example.com",
            Format::Date => "must be a date, such as 2026-01-31",
            Format::DateTime => "must be a timestamp with an offset (RFC 3339), such as 2026-01-31T09:30:00Z",
            Format::Line => pattern::LINE.message,
            Format::Text => pattern::NOT_BLANK.message,
            Format::WebUrl => "must not contain white space, control characters or any of \"<>\\^`{|}",
            Format::NoControls => "must not contain control characters",
            Format::FileName => pattern::FILE_NAME.message,
            Format::Int32 | Format::Int64 | Format::Annotation => "has an invalid format",
        }
    }
}

/// Returns whether the character is visible. The others are control characters, white space, the common format
/// characters (Unicode categories Cc, Zs, Zl, Zp and Cf), and the blank Braille pattern.
fn is_visible(c: char) -> bool {
    !matches!(c,
        '\0'..='\u{20}' | '\u{7f}'..='\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{205f}'..='\u{206f}' | '\u{2800}' | '\u{3000}' | '\u{feff}')
}

/// Returns whether the character ends a line, controls a terminal or changes the direction of the text around it.
fn is_forbidden_in_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_uuid(text: &str) -> bool {
    let hyphen = |i| matches!(i, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| if hyphen(i) { b == b'-' } else { b.is_ascii_hexdigit() })
}

fn is_date(text: &str) -> bool {
    let (Some(year), Some(month), Some(day)) = (text.get(..4), text.get(5..7), text.get(8..10)) else {
        return false;
    };
    let hyphens = text.len() == 10 && &text[4..5] == "-" && &text[7..8] == "-";
    let (Some(year), Some(month), Some(day)) = (digits(year), digits(month), digits(day)) else {
        return false;
    };
    hyphens && NaiveDate::from_ymd_opt(year as i32, month, day).is_some()
}

/// Validates a `date-time` (RFC 3339, section 5.6). The year must be 0 to 9999 also in UTC, and second 60 is
/// accepted only at 23:59 UTC, where a leap second can be inserted.
fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let well_formed = text.is_ascii()
        && (20..=64).contains(&bytes.len())
        && matches!(bytes[10], b'T' | b't')
        && bytes[13] == b':'
        && bytes[16] == b':'
        && is_date(&text[..10])
        && [&text[11..13], &text[14..16], &text[17..19]].iter().all(|two| digits(two).is_some());
    if !well_formed {
        return false;
    }
    let rest = &text[19..];
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let fraction = rest.len() - offset.len();
    let valid_offset = match offset.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    let Ok(time) = DateTime::parse_from_rfc3339(text) else { return false };
    let utc = time.naive_utc();
    let valid_second = &text[17..19] != "60" || (utc.hour(), utc.minute()) == (23, 59);
    // A fraction of length 1 is a dot without digits.
    fraction != 1 && valid_offset && valid_second && (0..=9999).contains(&utc.year())
}

fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Validates the characters of a URI (RFC 3986, section 2). Brackets are valid in an IPv6 host only, which is
/// parsed separately.
fn is_uri_text(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(b) = rest.next() {
        let valid = match b {
            b'%' => {
                matches!((rest.next(), rest.next()), (Some(a), Some(b)) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
            }
            b => b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&b),
        };
        if !valid {
            return false;
        }
    }
    text.bytes().filter(|b| *b == b'#').count() <= 1
}

fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    is_http && is_authority_and_path(rest)
}

fn is_authority_and_path(text: &str) -> bool {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, path) = text.split_at(end);
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((address, port)) if address.parse::<Ipv6Addr>().is_ok() => ("", port),
            _ => return false,
        },
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            (1..=5).contains(&port.len()) && digits(port).is_some_and(|port| port <= 65_535)
        });
    port && (authority.starts_with('[') || is_host(host)) && is_uri_text(path)
}

/// Validates a host name of letters, digits, hyphens and dots, or an IPv4 address.
fn is_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && (!numeric || name.parse::<Ipv4Addr>().is_ok())
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_uri_reference(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix("//") {
        return is_authority_and_path(rest);
    }
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    if first.contains(':') { is_uri(text) } else { is_uri_text(text) }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(is_atom)
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && !top.bytes().all(|b| b.is_ascii_digit())
}
