//! Files: answers with a name under which they are kept. What a file is made of, and how the document tells of it,
//! is said by its medium.
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
    answer::{self, bare, set},
    cache::Cache,
    etag::{ETag, Tags},
};

/// What a file is.
pub trait Media: 'static {
    /// The media type (RFC 6838).
    const TYPE: &'static str;
    /// What is said of that type beside its name.
    const PARAMETERS: &'static str = "";
    const WHAT: &'static str;

    fn schema() -> MetaSchemaRef;
    fn register(_: &mut Registry) {}
}

/// A file: 200 with its bytes and a name, or 304 when the client has this very version.
pub struct File<M>(Response, PhantomData<fn() -> M>);

impl<M: Media> File<M> {
    /// The 304, decided before the file is made.
    pub(super) fn current(etag: &ETag, known: &Option<Tags>, cache: Cache) -> Option<Self> {
        let mut response = answer::unchanged(etag, known, cache)?;
        // Told so that the answer varies as the 200 does; no 304 carries it out.
        set(&mut response, header::CONTENT_TYPE, M::TYPE);
        Some(File(response, PhantomData))
    }

    pub(super) fn found(body: impl Into<Body>, name: &str, etag: &ETag, cache: Cache) -> Self {
        let media = [M::TYPE, M::PARAMETERS].concat();
        let mut response = Response::builder().status(StatusCode::OK).content_type(media).body(body);
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(name));
        set(&mut response, header::ETAG, etag.as_str());
        cache.mark(&mut response);
        File(response, PhantomData)
    }
}

impl<M: Media> ApiResponse for File<M> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: M::TYPE, schema: M::schema() }];
        let fields = ["ETag", "Cache-Control", "Content-Disposition"];
        let found = MetaResponse { content, ..bare(200, &fields, M::WHAT) };
        let unchanged = bare(304, &["ETag", "Cache-Control"], "The client's copy is still current");
        MetaResponses { responses: vec![found, unchanged] }
    }
    fn register(registry: &mut Registry) {
        M::register(registry);
    }
}

impl<M: Media> IntoResponse for File<M> {
    fn into_response(self) -> Response {
        self.0
    }
}

/// A page to print (ISO 32000).
pub struct Pdf;

impl Media for Pdf {
    const TYPE: &'static str = "application/pdf";
    const WHAT: &'static str = "The document as PDF";

    fn schema() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            max_length: Some(10_000_000),
            min_length: Some(1),
            example: Some("%PDF-1.7 …".into()),
            ..MetaSchema::new_with_format("string", "binary")
        }))
    }
}

impl File<Pdf> {
    /// The 304, decided before the page is made.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>, cache: Cache) -> Option<Self> {
        Self::current(etag, known, cache)
    }

    pub fn new(bytes: Vec<u8>, name: &str, etag: &ETag, cache: Cache) -> Self {
        Self::found(bytes, name, etag, cache)
    }
}

/// `Content-Disposition` for a file that is kept (RFC 6266, 4): the name in ASCII, and as it is.
fn attachment(name: &str) -> HeaderValue {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/');
    let ascii: String = name.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
    let coded: String = name.bytes().map(coded).collect();
    let value = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{coded}");
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// One byte of an extended value (RFC 8187, 3.2.1).
fn coded(byte: u8) -> String {
    match byte {
        b if b.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_whatever_is_in_them() {
        for (name, value) in [
            ("invoice-42.pdf", "filename=\"invoice-42.pdf\"; filename*=UTF-8''invoice-42.pdf"),
            ("a \"b\".csv", "filename=\"a _b_.csv\"; filename*=UTF-8''a%20%22b%22.csv"),
            ("Größe\r\n%.csv", "filename=\"Gr__e___.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%0D%0A%25.csv"),
        ] {
            assert_eq!(attachment(name), format!("attachment; {value}"));
        }
    }
}
