//! Content codings (RFC 9110, 8.4 and 12.5.3): zstd, br and gzip by the client's weights, for bodies that
//! are worth it. Each coding has entity tags of its own, and every one of them names the same version.
use std::io;

use async_compression::{
    Level,
    tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, combinators::BoxBody};
use hyper::body::Body as _;
use poem::{
    Body, Response,
    http::{HeaderMap, HeaderValue, Method, header},
};
use tokio::{io::AsyncReadExt, runtime::Handle};

use super::headers::vary;
use crate::contract::{code::Code, problem::Problem};

/// Smaller bodies fit into one packet anyway.
const WORTH_IT: u64 = 1024;
/// Up to this size, coding takes less than a millisecond or two.
const AT_ONCE: usize = 64 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Zstd,
    Brotli,
    Gzip,
    Identity,
}

const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Coding::Zstd => "zstd",
            Coding::Brotli => "br",
            Coding::Gzip => "gzip",
            Coding::Identity => "identity",
        }
    }
}

/// The coding that the client likes best among ours; none if it refuses them all.
fn chosen(asked: &HeaderMap) -> Option<Coding> {
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

fn compressible(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim();
    essence.starts_with("text/") && essence != "text/event-stream"
        || essence.ends_with("+json")
        || matches!(
            essence,
            "application/json" | "application/yaml" | "application/x-ndjson" | "image/svg+xml"
        )
}

/// Codes a full body as the client likes it.
pub async fn compress(
    mut response: Response,
    asked: &HeaderMap,
    method: &Method,
) -> Result<Response, Problem> {
    let _ = method;
    let media = response.content_type().unwrap_or_default().to_owned();
    let unchanged = response.status() == poem::http::StatusCode::NOT_MODIFIED;
    if unchanged {
        vary(response.headers_mut(), "Accept-Encoding");
        echo(response.headers_mut(), asked);
        return Ok(response);
    }
    if !compressible(&media) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return Ok(response);
    }
    vary(response.headers_mut(), "Accept-Encoding");
    let coding = match chosen(asked) {
        Some(coding) => coding,
        // A failure is told in any case.
        None if !response.status().is_success() => Coding::Identity,
        None => return Err(Problem::new(Code::NotAcceptable, "the codings are zstd, br, gzip and identity")),
    };
    if coding == Coding::Identity {
        return Ok(response);
    }
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    // A body of unknown length is sent while it is made: it is not gathered here.
    if body.size_hint().exact().is_none_or(|size| size < WORTH_IT) {
        response.set_body(body);
        return Ok(response);
    }
    let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let Some(coded) = encoded(coding, &bytes).await else {
        response.set_body(bytes);
        return Ok(response);
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(header::CONTENT_LENGTH);
    suffix(headers, coding);
    response.set_body(Body::from(coded));
    Ok(response)
}

/// Large bodies are coded where they keep no other request waiting.
async fn encoded(coding: Coding, bytes: &Bytes) -> Option<Vec<u8>> {
    if bytes.len() <= AT_ONCE {
        return encode(coding, bytes).await;
    }
    let (bytes, here) = (bytes.clone(), Handle::current());
    tokio::task::spawn_blocking(move || here.block_on(encode(coding, &bytes))).await.ok().flatten()
}

async fn encode(coding: Coding, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut coded = Vec::with_capacity(bytes.len() / 3);
    // Levels for speed: these answers are made anew for each request.
    match coding {
        Coding::Zstd => {
            ZstdEncoder::with_quality(bytes, Level::Precise(3)).read_to_end(&mut coded).await.ok()?
        }
        Coding::Brotli => {
            BrotliEncoder::with_quality(bytes, Level::Precise(4)).read_to_end(&mut coded).await.ok()?
        }
        Coding::Gzip => {
            GzipEncoder::with_quality(bytes, Level::Precise(5)).read_to_end(&mut coded).await.ok()?
        }
        Coding::Identity => return None,
    };
    Some(coded)
}

fn suffix(headers: &mut HeaderMap, coding: Coding) {
    let tag =
        headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    let coded = tag.filter(|tag| !tag.starts_with("W/")).map(|tag| format!("{tag}-{}\"", coding.name()));
    if let Some(value) = coded.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, value);
    }
}

/// A 304 carries the tag of the coding that the client has kept.
fn echo(headers: &mut HeaderMap, asked: &HeaderMap) {
    let named = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let current = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let opaque = current.trim_end_matches('"').to_owned();
    let kept = CODINGS.iter().find(|coding| named.contains(&format!("{opaque}-{}\"", coding.name())));
    if let Some(coding) = kept.filter(|_| !opaque.is_empty()) {
        suffix(headers, *coding);
    }
}

/// Entity tags without the marks of codings: whichever coding a client has read, it means the same version.
pub fn without_suffixes(value: &str) -> String {
    let mut plain = value.to_owned();
    for coding in CODINGS {
        plain = plain.replace(&format!("-{}\"", coding.name()), "\"");
    }
    plain
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

    #[tokio::test]
    async fn full_bodies_are_coded_and_streams_are_not() {
        let mut asked = HeaderMap::new();
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let json = |body: Body| {
            Response::builder().content_type("application/json").header(header::ETAG, "\"a\"").body(body)
        };
        let stream = Body::from_async_read(tokio::io::repeat(b'x').take(2000));
        for (body, coded) in [
            (Body::from("x".repeat(2000)), true),
            (Body::from("x".repeat(200_000)), true),
            (Body::from("x"), false),
            (stream, false),
        ] {
            let answer = compress(json(body), &asked, &Method::GET).await.expect("acceptable");
            assert_eq!(answer.headers().contains_key(header::CONTENT_ENCODING), coded);
            assert_eq!(answer.headers()[header::ETAG], if coded { "\"a-gzip\"" } else { "\"a\"" });
            assert_eq!(answer.headers()[header::VARY], "Accept-Encoding");
        }
    }

    #[tokio::test]
    async fn a_304_carries_the_tag_that_the_client_kept() {
        for (known, expected) in
            [("\"x\", \"a-br\"", "\"a-br\""), ("\"a\"", "\"a\""), ("\"b-gzip\"", "\"a\"")]
        {
            let mut asked = HeaderMap::new();
            asked.insert(header::IF_NONE_MATCH, HeaderValue::from_static(known));
            asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            let unchanged = Response::builder().status(poem::http::StatusCode::NOT_MODIFIED);
            let unchanged = unchanged.header(header::ETAG, "\"a\"").finish();
            let answer = compress(unchanged, &asked, &Method::GET).await.expect("acceptable");
            assert_eq!(answer.headers()[header::ETAG], expected, "{known}");
        }
    }

    #[test]
    fn tags_of_all_codings_mean_one_version() {
        assert_eq!(
            without_suffixes("\"a-1-gzip\", W/\"b-br\", \"c-zstd\", \"d\""),
            "\"a-1\", W/\"b\", \"c\", \"d\""
        );
    }
}
