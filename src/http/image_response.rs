//! Image responses: complete or partial content, cacheable by shared caches, embeddable on other sites.
use std::{io, ops::Range};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    etag::{ETag, EntityTags},
    file_response::inline,
    operation::{DeclareResponse, MediaType, Operation, RateLimitClass, ResponseHeader, ResponseSpec},
    response::{UNUSED_META, set_header},
};
use crate::images::Format;

/// How long caches store an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageCaching {
    /// The URL identifies the content: one year, immutable.
    Immutable,
    /// The content also depends on the request or on the stored image: five minutes, then revalidated.
    Revalidate,
}

impl ImageCaching {
    fn cache_control(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            ImageCaching::Immutable => "public, max-age=31536000, immutable",
            ImageCaching::Revalidate => "public, max-age=300, stale-while-revalidate=3600",
        })
    }
}

/// Metadata of an image, known before its bytes are read.
#[derive(Debug, Clone)]
pub struct ImageInfo {
    pub media_type: &'static str,
    pub filename: String,
    pub etag: ETag,
    pub caching: ImageCaching,
    /// Whether the format was selected by `Accept`.
    pub negotiated: bool,
}

/// An image response: 200 with all bytes, 206 with a range, or 304 if the client's copy is current.
pub struct ImageResponse(Response);

impl ImageResponse {
    /// Returns the 304 if `known` matches. Call it before the bytes are read.
    pub fn not_modified(info: &ImageInfo, known: &Option<EntityTags>) -> Option<Self> {
        known.as_ref().filter(|tags| tags.matches_weak(&info.etag))?;
        // The server derives `Vary` from the content type, so the 304 needs the one of the 200. It is removed
        // later.
        let response = Response::builder().status(StatusCode::NOT_MODIFIED).content_type(info.media_type);
        Some(ImageResponse(with_headers(response.finish(), info)))
    }

    /// Sends the bytes of `part`, or all `size` bytes. `chunks` must contain exactly these bytes.
    pub fn new(
        info: &ImageInfo,
        size: u64,
        part: Option<Range<u64>>,
        chunks: BoxStream<'static, io::Result<Bytes>>,
    ) -> Self {
        let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let body = Body::from_bytes_stream(chunks);
        let mut response = Response::builder().status(status).content_type(info.media_type).body(body);
        let sent = part.as_ref().map_or(size, |part| part.end - part.start);
        set_header(&mut response, header::CONTENT_LENGTH, &sent.to_string());
        if let Some(part) = part {
            let range = format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1));
            set_header(&mut response, header::CONTENT_RANGE, &range);
        }
        response.headers_mut().insert(header::CONTENT_DISPOSITION, inline(&info.filename));
        set_header(&mut response, header::ACCEPT_RANGES, "bytes");
        ImageResponse(with_headers(response, info))
    }
}

fn with_headers(mut response: Response, info: &ImageInfo) -> Response {
    set_header(&mut response, header::ETAG, info.etag.as_str());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, info.caching.cache_control());
    // Images are the only resources that other sites may embed, and read into a canvas or a texture. Credentials change nothing,
    // so the response is the same for all origins.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let resource_policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(resource_policy, HeaderValue::from_static("cross-origin"));
    if info.negotiated {
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    }
    response
}

fn content() -> Vec<MediaType> {
    let schema = || MetaSchema {
        min_length: Some(1),
        max_length: Some(209_715_200),
        example: Some("GIF89a…".into()),
        ..MetaSchema::new_with_format("string", "binary")
    };
    let media = |name| MediaType { name, schema: MetaSchemaRef::Inline(Box::new(schema())) };
    Format::ALL.map(Format::media_type).map(media).into()
}

impl DeclareResponse for ImageResponse {
    fn declare(operation: &mut Operation) {
        // `Vary` depends on the format of the image.
        let vary = ResponseHeader { name: "Vary", always: false };
        let response = |status, headers: &[&'static str], content, description| {
            let mut response = ResponseSpec::empty(status, &["ETag", "Cache-Control"], description);
            response.headers.push(vary);
            response.headers.extend(ResponseSpec::empty(status, headers, description).headers);
            ResponseSpec { content, ..response }
        };
        let full = ["Accept-Ranges", "Content-Disposition"];
        let partial = ["Accept-Ranges", "Content-Disposition", "Content-Range"];
        operation.responses.extend([
            response(200, &full, content(), "The image"),
            response(206, &partial, content(), "The requested bytes of the image"),
            response(304, &[], Vec::new(), "The client's copy is current"),
        ]);
        // One page shows many images.
        operation.rate_limit = Some(RateLimitClass::Image);
    }
}

impl ApiResponse for ImageResponse {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for ImageResponse {
    fn into_response(self) -> Response {
        self.0
    }
}
