//! `Accept-Encoding` (RFC 9110, 12.5.3): selects zstd, br, gzip or identity by the client's weights.
use poem::http::{HeaderMap, header};

use crate::http::{problem::Problem, problem_code::ProblemCode};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    Zstd,
    Brotli,
    Gzip,
    Identity,
}

pub const ENCODINGS: [Encoding; 3] = [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip];

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Zstd => "zstd",
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
            Encoding::Identity => "identity",
        }
    }
}

/// Returns the preferred encoding, or `None` if the client excludes all of them. On equal weights zstd wins
/// over br, br over gzip, and each of them over identity.
pub fn negotiate(headers: &HeaderMap) -> Option<Encoding> {
    negotiate_among(headers, &ENCODINGS)
}

/// Returns whether the client accepts this encoding and does not prefer identity.
pub fn accepts(headers: &HeaderMap, encoding: Encoding) -> bool {
    negotiate_among(headers, &[encoding]) == Some(encoding)
}

fn negotiate_among(headers: &HeaderMap, encodings: &[Encoding]) -> Option<Encoding> {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut values = values.peekable();
    if values.peek().is_none() {
        return Some(Encoding::Identity);
    }
    // The first weight of each name counts.
    const NAMES: [&str; 5] = ["zstd", "br", "gzip", "identity", "*"];
    let mut weights = [None; NAMES.len()];
    for (name, q) in values.flat_map(|value| value.split(',')).filter_map(parse_weight) {
        if let Some(index) = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) {
            weights[index].get_or_insert(q);
        }
    }
    let weight_of =
        |name: &str| NAMES.iter().position(|known| *known == name).and_then(|index| weights[index]);
    let wildcard = weight_of("*");
    let mut best: Option<(Encoding, f32)> = None;
    for &encoding in encodings {
        let q = weight_of(encoding.name()).or(wildcard).unwrap_or(0.0);
        if q > 0.0 && best.is_none_or(|(_, known)| q > known) {
            best = Some((encoding, q));
        }
    }
    let identity = weight_of("identity").or(wildcard.filter(|q| *q == 0.0)).unwrap_or(0.001);
    match best {
        Some((encoding, q)) if q >= identity => Some(encoding),
        _ if identity > 0.0 => Some(Encoding::Identity),
        found => found.map(|(encoding, _)| encoding),
    }
}

fn parse_weight(text: &str) -> Option<(&str, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
    let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((name, q.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
}

/// Rejects a request whose `Accept-Encoding` excludes every supported encoding.
pub fn check_acceptable(headers: &HeaderMap) -> Result<(), Problem> {
    let not_acceptable =
        || Problem::new(ProblemCode::NotAcceptable, "Accept-Encoding: must allow zstd, br, gzip or identity");
    negotiate(headers).map(|_| ()).ok_or_else(not_acceptable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negotiates_by_weight() {
        for (field, expected) in [
            ("gzip, deflate, br, zstd", Some(Encoding::Zstd)),
            ("gzip;q=1, br;q=0.5", Some(Encoding::Gzip)),
            ("gzip;q=0", Some(Encoding::Identity)),
            ("deflate", Some(Encoding::Identity)),
            ("*", Some(Encoding::Zstd)),
            ("identity;q=0, *;q=0", None),
            ("*;q=0", None),
            ("identity;q=0, gzip;q=0.2", Some(Encoding::Gzip)),
            ("identity, gzip;q=0.5", Some(Encoding::Identity)),
            ("", Some(Encoding::Identity)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, field.parse().unwrap_or_else(|_| panic!("{field}")));
            assert_eq!(negotiate(&headers), expected, "{field}");
        }
    }
}
