//! The bytes of a picture: all of them or a part, kept by everybody's caches, and harmless on any page.
use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    answer::{bare, set},
    etag::{ETag, Tags},
    file::inline,
};
use crate::pictures::Format;

/// How long caches keep a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// What its address says never changes.
    ForGood,
    /// Its address does not say everything.
    Minutes,
}

impl Keep {
    fn value(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Keep::ForGood => "public, max-age=31536000, immutable",
            Keep::Minutes => "public, max-age=300, stale-while-revalidate=3600",
        })
    }
}

/// What is known of a picture before its bytes are read.
#[derive(Debug, Clone)]
pub struct Shown {
    pub media_type: &'static str,
    pub filename: String,
    pub etag: ETag,
    pub keep: Keep,
    /// Whether the client's `Accept` has had a say.
    pub chosen: bool,
}

/// A picture: 200 with all its bytes, 206 with some of them, or 304 when the client has this very version.
pub struct Picture(Response);

impl Picture {
    /// The 304, decided before anything is read.
    pub fn unchanged(shown: &Shown, known: &Option<Tags>) -> Option<Self> {
        known.as_ref().filter(|tags| tags.weakly_match(&shown.etag))?;
        // Told so that the answer varies as the 200 does; no 304 carries it out.
        let response = Response::builder().status(StatusCode::NOT_MODIFIED).content_type(shown.media_type);
        Some(Picture(marked(response.finish(), shown)))
    }

    /// The whole, or the bytes of `part`, of `size` bytes.
    pub fn new(
        shown: &Shown,
        size: u64,
        part: Option<Range<u64>>,
        pieces: BoxStream<'static, io::Result<Bytes>>,
    ) -> Self {
        let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let body = Body::from_bytes_stream(pieces);
        let mut response = Response::builder().status(status).content_type(shown.media_type).body(body);
        let sent = part.as_ref().map_or(size, |part| part.end - part.start);
        set(&mut response, header::CONTENT_LENGTH, &sent.to_string());
        if let Some(part) = part {
            let place = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
            set(&mut response, header::CONTENT_RANGE, &place);
        }
        response.headers_mut().insert(header::CONTENT_DISPOSITION, inline(&shown.filename));
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        Picture(marked(response, shown))
    }
}

fn marked(mut response: Response, shown: &Shown) -> Response {
    set(&mut response, header::ETAG, shown.etag.as_str());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, shown.keep.value());
    // Pages of other sites may show it, which they may do with nothing else here.
    let shared = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(shared, HeaderValue::from_static("cross-origin"));
    if shown.chosen {
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    }
    response
}

fn content() -> Vec<MetaMediaType> {
    let schema = || MetaSchema {
        min_length: Some(1),
        max_length: Some(16_777_216),
        example: Some("GIF89a…".into()),
        ..MetaSchema::new_with_format("string", "binary")
    };
    let media =
        |content_type| MetaMediaType { content_type, schema: MetaSchemaRef::Inline(Box::new(schema())) };
    Format::ALL.map(Format::media_type).map(media).into()
}

impl ApiResponse for Picture {
    fn meta() -> MetaResponses {
        let always = ["ETag", "Cache-Control", "Vary.optional"];
        let whole = [&always[..], &["Accept-Ranges", "Content-Disposition"]].concat();
        let part = [&whole[..], &["Content-Range"]].concat();
        let found = |status, fields, what| MetaResponse { content: content(), ..bare(status, fields, what) };
        MetaResponses {
            responses: vec![
                found(200, &whole[..], "The picture"),
                found(206, &part[..], "The bytes of it that were asked for"),
                bare(304, &always, "The client's copy is still current"),
            ],
        }
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        self.0
    }
}
