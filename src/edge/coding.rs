//! `Accept-Encoding` (RFC 9110, 12.5.3): which of zstd, br and gzip a client likes best, by its weights.
use poem::http::{HeaderMap, header};

use crate::contract::{code::Code, problem::Problem};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Zstd,
    Brotli,
    Gzip,
    Identity,
}

pub const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

impl Coding {
    pub fn name(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
            Coding::Identity => "identity",
        }
    }
}

/// The coding that the client likes best among ours; none if it refuses them all.
pub fn chosen(asked: &HeaderMap) -> Option<Coding> {
    let fields: Vec<&str> =
        asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
    if fields.is_empty() {
        return Some(Coding::Identity);
    }
    let weights: Vec<(String, f32)> =
        fields.iter().flat_map(|field| field.split(',')).filter_map(weight).collect();
    let of = |name: &str| weights.iter().find(|(known, _)| known == name).map(|(_, q)| *q);
    let any = of("*");
    let mut best: Option<(Coding, f32)> = None;
    for coding in CODINGS {
        let q = of(coding.name()).or(any).unwrap_or(0.0);
        if q > 0.0 && best.is_none_or(|(_, known)| q > known) {
            best = Some((coding, q));
        }
    }
    let plain = of("identity").or(any.filter(|q| *q == 0.0)).unwrap_or(0.001);
    match best {
        Some((coding, q)) if q >= plain => Some(coding),
        _ if plain > 0.0 => Some(Coding::Identity),
        found => found.map(|(coding, _)| coding),
    }
}

fn weight(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let name = if name == "x-gzip" { "gzip".to_owned() } else { name };
    let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((name, q.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
}

/// Refuses a request that no coding will do for.
pub fn acceptable(asked: &HeaderMap) -> Result<(), Problem> {
    let refusal = || Problem::new(Code::NotAcceptable, "the codings are zstd, br, gzip and identity");
    chosen(asked).map(|_| ()).ok_or_else(refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_choose_the_coding() {
        for (field, expected) in [
            ("gzip, deflate, br, zstd", Some(Coding::Zstd)),
            ("gzip;q=1, br;q=0.5", Some(Coding::Gzip)),
            ("gzip;q=0", Some(Coding::Identity)),
            ("deflate", Some(Coding::Identity)),
            ("*", Some(Coding::Zstd)),
            ("identity;q=0, *;q=0", None),
            ("*;q=0", None),
            ("identity;q=0, gzip;q=0.2", Some(Coding::Gzip)),
            ("identity, gzip;q=0.5", Some(Coding::Identity)),
            ("", Some(Coding::Identity)),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT_ENCODING, field.parse().unwrap_or_else(|_| panic!("{field}")));
            assert_eq!(chosen(&asked), expected, "{field}");
        }
    }
}
