//! Byte ranges (RFC 9110, section 14): resolves `Range` and `If-Range` to the bytes to send.
use std::ops::Range;

use super::etag::ETag;

/// The part of a representation that a response sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByteRange {
    Full,
    Partial(Range<u64>),
    /// The range selects no byte of the representation: 416.
    Unsatisfiable,
}

impl ByteRange {
    /// Resolves `Range` and `If-Range` against a representation of `size` bytes.
    ///
    /// A malformed `Range` and a list of ranges are ignored: the response is then the full representation,
    /// which RFC 9110, section 14.2 allows.
    pub fn resolve(range: Option<&str>, if_range: Option<&str>, etag: &ETag, size: u64) -> ByteRange {
        // Another ETag, or a date, selects the full representation (RFC 9110, section 13.1.5).
        if if_range.is_some_and(|etag_or_date| etag_or_date.trim() != etag.as_str()) {
            return ByteRange::Full;
        }
        let Some((unit, ranges)) = range.and_then(|range| range.split_once('=')) else {
            return ByteRange::Full;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 {
            return ByteRange::Full;
        }
        bounds(ranges.trim(), size).unwrap_or(ByteRange::Full)
    }
}

fn bounds(range: &str, size: u64) -> Option<ByteRange> {
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        // Positions above `u64::MAX` saturate: every position behind the last byte has the same meaning.
        true => Some(text.parse().unwrap_or(u64::MAX)),
        false => None,
    };
    if first.is_empty() {
        let tail = number(last)?.min(size);
        return Some(if tail == 0 {
            ByteRange::Unsatisfiable
        } else {
            ByteRange::Partial(size - tail..size)
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(if first >= size {
        ByteRange::Unsatisfiable
    } else {
        ByteRange::Partial(first..last.saturating_add(1).min(size))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_ranges_to_the_representation() {
        let etag = ETag::from_parts(&["a"]);
        for (range, span) in [
            ("bytes=0-0", ByteRange::Partial(0..1)),
            ("bytes=2-", ByteRange::Partial(2..10)),
            ("Bytes = 2-4", ByteRange::Partial(2..5)),
            ("bytes=-3", ByteRange::Partial(7..10)),
            ("bytes=-99", ByteRange::Partial(0..10)),
            ("bytes=9-99999999999999999999999", ByteRange::Partial(9..10)),
            ("bytes=0-18446744073709551615", ByteRange::Partial(0..10)),
            ("bytes=10-", ByteRange::Unsatisfiable),
            ("bytes=99999999999999999999999-", ByteRange::Unsatisfiable),
            ("bytes=-0", ByteRange::Unsatisfiable),
            ("bytes=4-2", ByteRange::Full),
            ("bytes=0-1,3-4", ByteRange::Full),
            ("bytes=+1-2", ByteRange::Full),
            ("bytes=", ByteRange::Full),
            ("bytes=-", ByteRange::Full),
            ("lines=1-2", ByteRange::Full),
            ("nonsense", ByteRange::Full),
        ] {
            assert_eq!(ByteRange::resolve(Some(range), None, &etag, 10), span, "{range}");
        }
        assert_eq!(ByteRange::resolve(None, None, &etag, 10), ByteRange::Full);
    }

    #[test]
    fn sends_the_full_representation_unless_if_range_matches() {
        let etag = ETag::from_parts(&["a"]);
        for (if_range, span) in [
            (etag.as_str().to_owned(), ByteRange::Partial(0..1)),
            (format!("W/{etag}"), ByteRange::Full),
            ("\"other\"".to_owned(), ByteRange::Full),
            ("Sat, 21 Nov 2026 09:30:00 GMT".to_owned(), ByteRange::Full),
        ] {
            assert_eq!(ByteRange::resolve(Some("bytes=0-0"), Some(&if_range), &etag, 10), span, "{if_range}");
        }
    }
}
