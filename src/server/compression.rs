//! Compresses response bodies (RFC 9110, 8.4) in the encoding that the client prefers.
//!
//! Each encoding has an entity tag of its own, `"TAG~ENCODING"`, because strong tags of different bytes must
//! differ. Preconditions ignore the suffix: all encodings are the same version of the resource.
use std::{io, sync::Arc};

use async_compression::{
    Level,
    tokio::bufread::{BrotliEncoder, GzipEncoder, ZstdEncoder},
};
use bytes::Bytes;
use http_body_util::{BodyExt, Collected, combinators::BoxBody};
use hyper::body::Body as _;
use poem::{
    Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use tokio::{io::AsyncReadExt, runtime::Handle, sync::OnceCell};

use super::content_encoding::{ENCODINGS, Encoding, negotiate};
use crate::http::cache_control::add_vary;

/// Minimum size in bytes. Smaller bodies fit into one packet without compression.
const MIN_SIZE: u64 = 1024;
/// Up to this size, in bytes, compression takes at most 1 to 2 ms, so it may run on an async worker thread.
const MAX_INLINE_SIZE: usize = 64 * 1024;

/// The compressed variants of a static body, each created on its first use. A response that shares them uses
/// no memory of its own.
#[derive(Clone, Default)]
pub struct CompressedVariants(Arc<[OnceCell<Option<Bytes>>; ENCODINGS.len()]>);

impl CompressedVariants {
    async fn get(&self, encoding: Encoding, bytes: &Bytes) -> Option<Bytes> {
        let index = ENCODINGS.iter().position(|known| *known == encoding)?;
        // Compressed only once, so a higher level is affordable.
        let encode = || async { encode_off_thread(encoding, bytes, Effort::Once).await };
        self.0[index].get_or_init(encode).await.clone()
    }
}

#[derive(Debug, Clone, Copy)]
enum Effort {
    PerResponse,
    Once,
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

/// Compresses the body of a response if the client accepts an encoding and the body is large enough.
pub async fn compress(mut response: Response, request_headers: &HeaderMap) -> Response {
    let media = response.content_type().unwrap_or_default().to_owned();
    if response.status() == StatusCode::NOT_MODIFIED {
        // The media type of a 304 is set only to decide whether the 200 response depends on the encoding. A
        // 304 without a media type belongs to a JSON response.
        response.headers_mut().remove(header::CONTENT_TYPE);
        if media.is_empty() || compressible(&media) {
            add_vary(response.headers_mut(), "Accept-Encoding");
            use_cached_tag(response.headers_mut(), request_headers);
        }
        return response;
    }
    if !compressible(&media) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    add_vary(response.headers_mut(), "Accept-Encoding");
    // If the client excludes every encoding, this is an error response, such as the 406. It is sent unencoded.
    let encoding = negotiate(request_headers).unwrap_or(Encoding::Identity);
    if encoding == Encoding::Identity {
        return response;
    }
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    // A body of unknown length is a stream, and buffering it here would delay its first bytes.
    if body.size_hint().exact().is_none_or(|size| size < MIN_SIZE) {
        response.set_body(body);
        return response;
    }
    let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let encoded_bytes = match response.extensions().get::<CompressedVariants>().cloned() {
        Some(variants) => variants.get(encoding, &bytes).await,
        None => encode_off_thread(encoding, &bytes, Effort::PerResponse).await,
    };
    let Some(encoded_bytes) = encoded_bytes else {
        response.set_body(bytes);
        return response;
    };
    set_encoding(response.headers_mut(), encoding);
    response.set_body(encoded_bytes);
    response
}

/// Sets the headers of a response whose body is in this encoding, except for `Vary`.
pub fn set_encoding(headers: &mut HeaderMap, encoding: Encoding) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    headers.remove(header::CONTENT_LENGTH);
    add_tag_suffix(headers, encoding);
}

/// Compresses a body; large ones on the blocking thread pool, so that they do not delay other requests.
async fn encode_off_thread(encoding: Encoding, bytes: &Bytes, effort: Effort) -> Option<Bytes> {
    if bytes.len() <= MAX_INLINE_SIZE {
        return encode(encoding, bytes, effort).await;
    }
    let (bytes, runtime) = (bytes.clone(), Handle::current());
    tokio::task::spawn_blocking(move || runtime.block_on(encode(encoding, &bytes, effort)))
        .await
        .ok()
        .flatten()
}

async fn encode(encoding: Encoding, bytes: &[u8], effort: Effort) -> Option<Bytes> {
    let mut output = Vec::with_capacity(bytes.len() / 3);
    let level = |per_response, once| match effort {
        Effort::PerResponse => Level::Precise(per_response),
        Effort::Once => Level::Precise(once),
    };
    match encoding {
        Encoding::Zstd => {
            ZstdEncoder::with_quality(bytes, level(3, 12)).read_to_end(&mut output).await.ok()?
        }
        Encoding::Brotli => {
            BrotliEncoder::with_quality(bytes, level(4, 7)).read_to_end(&mut output).await.ok()?
        }
        Encoding::Gzip => {
            GzipEncoder::with_quality(bytes, level(5, 8)).read_to_end(&mut output).await.ok()?
        }
        Encoding::Identity => return None,
    };
    output.shrink_to_fit();
    Some(output.into())
}

/// Returns the suffix of entity tags in this encoding. Tags are base64url, so no tag of an unencoded body
/// contains `~`.
fn tag_suffix(encoding: Encoding) -> String {
    format!("~{}\"", encoding.name())
}

fn add_tag_suffix(headers: &mut HeaderMap, encoding: Encoding) {
    let tag =
        headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    let suffixed =
        tag.filter(|tag| !tag.starts_with("W/")).map(|tag| format!("{tag}{}", tag_suffix(encoding)));
    if let Some(value) = suffixed.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, value);
    }
}

/// Sets the tag of a 304 to that of the variant that the client has cached.
fn use_cached_tag(headers: &mut HeaderMap, request_headers: &HeaderMap) {
    let if_none_match =
        request_headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let current = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let opaque = current.trim_end_matches('"').to_owned();
    let cached = ENCODINGS
        .into_iter()
        .find(|encoding| if_none_match.contains(&format!("{opaque}{}", tag_suffix(*encoding))));
    if let Some(encoding) = cached.filter(|_| !opaque.is_empty()) {
        add_tag_suffix(headers, encoding);
    }
}

/// Removes the encoding suffixes from entity tags, so that the tag of every variant matches the same version.
pub fn strip_tag_suffixes(value: &str) -> String {
    ENCODINGS.into_iter().fold(value.to_owned(), |plain, encoding| plain.replace(&tag_suffix(encoding), "\""))
}

#[cfg(test)]
mod tests;
