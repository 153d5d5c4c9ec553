//! Download responses with `Content-Disposition`. A [`Media`] type defines the media type and the schema.
use std::marker::PhantomData;

use poem::{
    Body, IntoResponse, Response,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};

use super::{
    cache_control::CacheControl,
    etag::{ETag, EntityTags},
    response::{self, empty_meta, set_header},
};

/// The media type of a file response, with its schema and description in the OpenAPI document.
pub trait Media: 'static {
    /// The media type (RFC 6838).
    const TYPE: &'static str;
    /// Media type parameters, beginning with `; `.
    const PARAMETERS: &'static str = "";
    const DESCRIPTION: &'static str;

    fn schema() -> MetaSchemaRef;
    fn register(_: &mut Registry) {}
}

/// A file response: 200 with the bytes and a file name, or 304 if the client's copy is current.
pub struct FileResponse<M>(Response, PhantomData<fn() -> M>);

impl<M: Media> FileResponse<M> {
    /// Returns the 304 if `known` matches `etag`. Call it before the file is generated.
    pub(crate) fn current(etag: &ETag, known: &Option<EntityTags>, cache: CacheControl) -> Option<Self> {
        let mut response = response::not_modified(etag, known, cache)?;
        // The server derives `Vary` from the content type, so the 304 needs the one of the 200. It is removed
        // later.
        set_header(&mut response, header::CONTENT_TYPE, M::TYPE);
        Some(FileResponse(response, PhantomData))
    }

    pub(crate) fn found(body: impl Into<Body>, name: &str, etag: &ETag, cache: CacheControl) -> Self {
        let media = [M::TYPE, M::PARAMETERS].concat();
        let mut response = Response::builder().status(StatusCode::OK).content_type(media).body(body);
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(name));
        set_header(&mut response, header::ETAG, etag.as_str());
        cache.apply(&mut response);
        FileResponse(response, PhantomData)
    }
}

impl<M: Media> ApiResponse for FileResponse<M> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: M::TYPE, schema: M::schema() }];
        let headers = ["ETag", "Cache-Control", "Content-Disposition"];
        let found = MetaResponse { content, ..empty_meta(200, &headers, M::DESCRIPTION) };
        let unchanged = empty_meta(304, &["ETag", "Cache-Control"], "The client's copy is current");
        MetaResponses { responses: vec![found, unchanged] }
    }
    fn register(registry: &mut Registry) {
        M::register(registry);
    }
}

impl<M: Media> IntoResponse for FileResponse<M> {
    fn into_response(self) -> Response {
        self.0
    }
}

/// The [`Media`] of PDF (ISO 32000).
pub struct Pdf;

impl Media for Pdf {
    const TYPE: &'static str = "application/pdf";
    const DESCRIPTION: &'static str = "The PDF file";

    fn schema() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            max_length: Some(10_000_000),
            min_length: Some(1),
            example: Some("%PDF-1.7 …".into()),
            ..MetaSchema::new_with_format("string", "binary")
        }))
    }
}

impl FileResponse<Pdf> {
    /// Returns the 304 if `known` matches `etag`. Call it before the PDF is rendered.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>, cache: CacheControl) -> Option<Self> {
        Self::current(etag, known, cache)
    }

    pub fn new(bytes: Vec<u8>, name: &str, etag: &ETag, cache: CacheControl) -> Self {
        Self::found(bytes, name, etag, cache)
    }
}

/// Returns the `Content-Disposition` of a download (RFC 6266, section 4): the file name in ASCII and in
/// UTF-8.
fn attachment(name: &str) -> HeaderValue {
    disposition("attachment", name)
}

/// Returns the `Content-Disposition` of a file that browsers may display.
pub fn inline(name: &str) -> HeaderValue {
    disposition("inline", name)
}

fn disposition(kind: &'static str, name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/');
    let ascii: String = name.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
    let encoded: String = name.bytes().map(percent_encode).collect();
    let value = format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(kind))
}

/// Encodes one byte of an extended parameter value (RFC 8187, section 3.2.1).
fn percent_encode(byte: u8) -> String {
    match byte {
        b if b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_file_names() {
        for (name, value) in [
            ("invoice-42.pdf", "filename=\"invoice-42.pdf\"; filename*=UTF-8''invoice-42.pdf"),
            ("a \"b\".csv", "filename=\"a _b_.csv\"; filename*=UTF-8''a%20%22b%22.csv"),
            ("Größe\r\n%.csv", "filename=\"Gr__e___.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%0D%0A%25.csv"),
        ] {
            assert_eq!(attachment(name), format!("attachment; {value}"));
        }
    }
}
