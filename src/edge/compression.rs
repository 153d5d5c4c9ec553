//! Content codings of answers (RFC 9110, 8.4): bodies that are worth it are coded as the client likes. Each
//! coding has entity tags of its own, and every one of them names the same version.
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

use super::coding::{CODINGS, Coding, chosen};
use crate::contract::cache::vary;

/// Smaller bodies fit into one packet anyway.
const WORTH_IT: u64 = 1024;
/// Up to this size, coding takes less than a millisecond or two.
const AT_ONCE: usize = 64 * 1024;

/// The coded forms of a body that never changes, each made when it is asked for first. An answer with them
/// costs no memory of its own.
#[derive(Clone, Default)]
pub struct Kept(Arc<[OnceCell<Option<Bytes>>; CODINGS.len()]>);

impl Kept {
    async fn coded(&self, coding: Coding, bytes: &Bytes) -> Option<Bytes> {
        let place = CODINGS.iter().position(|known| *known == coding)?;
        // Made once, it may take its time.
        let coded = || async { encoded(coding, bytes, Effort::Once).await };
        self.0[place].get_or_init(coded).await.clone()
    }
}

#[derive(Debug, Clone, Copy)]
enum Effort {
    EachTime,
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

/// Codes a full body as the client likes it.
pub async fn compress(mut response: Response, asked: &HeaderMap) -> Response {
    let media = response.content_type().unwrap_or_default().to_owned();
    if response.status() == StatusCode::NOT_MODIFIED {
        // The type only says whether the 200 would vary; what says nothing is one of the API's JSON answers.
        response.headers_mut().remove(header::CONTENT_TYPE);
        if media.is_empty() || compressible(&media) {
            vary(response.headers_mut(), "Accept-Encoding");
            echo(response.headers_mut(), asked);
        }
        return response;
    }
    if !compressible(&media) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return response;
    }
    vary(response.headers_mut(), "Accept-Encoding");
    // What no coding will do for is a failure, which is told in any case.
    let coding = chosen(asked).unwrap_or(Coding::Identity);
    if coding == Coding::Identity {
        return response;
    }
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    // A body of unknown length is sent while it is made: it is not gathered here.
    if body.size_hint().exact().is_none_or(|size| size < WORTH_IT) {
        response.set_body(body);
        return response;
    }
    let bytes = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let coded = match response.extensions().get::<Kept>().cloned() {
        Some(kept) => kept.coded(coding, &bytes).await,
        None => encoded(coding, &bytes, Effort::EachTime).await,
    };
    let Some(coded) = coded else {
        response.set_body(bytes);
        return response;
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(header::CONTENT_LENGTH);
    suffix(headers, coding);
    response.set_body(coded);
    response
}

/// Large bodies are coded where they keep no other request waiting.
async fn encoded(coding: Coding, bytes: &Bytes, effort: Effort) -> Option<Bytes> {
    if bytes.len() <= AT_ONCE {
        return encode(coding, bytes, effort).await;
    }
    let (bytes, here) = (bytes.clone(), Handle::current());
    tokio::task::spawn_blocking(move || here.block_on(encode(coding, &bytes, effort))).await.ok().flatten()
}

async fn encode(coding: Coding, bytes: &[u8], effort: Effort) -> Option<Bytes> {
    let mut coded = Vec::with_capacity(bytes.len() / 3);
    let level = |each_time, once| match effort {
        Effort::EachTime => Level::Precise(each_time),
        Effort::Once => Level::Precise(once),
    };
    match coding {
        Coding::Zstd => ZstdEncoder::with_quality(bytes, level(3, 12)).read_to_end(&mut coded).await.ok()?,
        Coding::Brotli => {
            BrotliEncoder::with_quality(bytes, level(4, 7)).read_to_end(&mut coded).await.ok()?
        }
        Coding::Gzip => GzipEncoder::with_quality(bytes, level(5, 8)).read_to_end(&mut coded).await.ok()?,
        Coding::Identity => return None,
    };
    coded.shrink_to_fit();
    Some(coded.into())
}

/// What marks the entity tags of a coding. No tag of an identity body has a `~`: they are base64url.
fn mark(coding: Coding) -> String {
    format!("~{}\"", coding.name())
}

fn suffix(headers: &mut HeaderMap, coding: Coding) {
    let tag =
        headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).and_then(|tag| tag.strip_suffix('"'));
    let coded = tag.filter(|tag| !tag.starts_with("W/")).map(|tag| format!("{tag}{}", mark(coding)));
    if let Some(value) = coded.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, value);
    }
}

/// A 304 carries the tag of the coding that the client has kept.
fn echo(headers: &mut HeaderMap, asked: &HeaderMap) {
    let named = asked.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let current = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default();
    let opaque = current.trim_end_matches('"').to_owned();
    let kept = CODINGS.into_iter().find(|coding| named.contains(&format!("{opaque}{}", mark(*coding))));
    if let Some(coding) = kept.filter(|_| !opaque.is_empty()) {
        suffix(headers, coding);
    }
}

/// Entity tags without the marks of codings: whichever coding a client has read, it means the same version.
pub fn without_marks(value: &str) -> String {
    CODINGS.into_iter().fold(value.to_owned(), |plain, coding| plain.replace(&mark(coding), "\""))
}

#[cfg(test)]
mod tests;
