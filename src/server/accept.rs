//! `Accept` (RFC 9110, 12.5.1): whether the client accepts one of the media types of an operation.
use poem::http::{HeaderMap, header};

/// Returns whether one of `produced` is acceptable. A request without `Accept` accepts every type.
pub fn acceptable(headers: &HeaderMap, produced: &[&str]) -> bool {
    if produced.is_empty() {
        return true;
    }
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    match values.peek() {
        None => return true,
        // The values that most clients send.
        Some(value) if *value == "*/*" || produced.iter().any(|media| **value == **media) => return true,
        Some(_) => {}
    }
    let ranges: Vec<(String, f32)> = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(parse_range)
        .collect();
    // A header without a single valid media range is ignored.
    ranges.is_empty() || produced.iter().any(|media| quality(&ranges, media) > 0.0)
}

fn parse_range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| media.contains('/'))?.to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((media, weight.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
}

/// Returns the weight of `media`; the most specific range wins.
fn quality(ranges: &[(String, f32)], media: &str) -> f32 {
    let family = media.split('/').next().unwrap_or_default();
    let rank = |range: &str| match range {
        "*/*" => Some(0),
        wildcard if wildcard.strip_suffix("/*") == Some(family) => Some(1),
        exact if exact == media => Some(2),
        _ => None,
    };
    let best = ranges
        .iter()
        .filter_map(|(range, q)| rank(range).map(|rank| (rank, *q)))
        .max_by_key(|(rank, _)| *rank);
    best.map_or(0.0, |(_, q)| q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_range_decides() {
        let json = ["application/json"];
        for (field, expected) in [
            ("application/json", true),
            ("*/*", true),
            ("text/html, application/*;q=0.1", true),
            ("image/png", false),
            ("application/json;q=0, */*", false),
            ("application/json;q=0", false),
            ("nonsense", true),
            ("", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("accept", field.parse().unwrap_or_else(|_| panic!("{field}")));
            assert_eq!(acceptable(&headers, &json), expected, "{field}");
        }
    }
}
