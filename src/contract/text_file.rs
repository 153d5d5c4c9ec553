//! Texts that are files: what an operation hands out under a file's name, and what it takes.
use std::marker::PhantomData;

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{
        MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
    },
};
use serde_json::Value;

use super::{
    answer::{bare, set},
    cache::Cache,
    etag::{ETag, Tags},
    file::attachment,
    problem::{Error, Problem},
    request::Checked,
};

/// A kind of file.
pub trait Form: Send + Sync + 'static {
    const MEDIA: &'static str;
    /// The name under which it is saved.
    const FILE: &'static str;
    const EXAMPLE: &'static str;
}

/// The most characters of a file that comes in, and of one that goes out.
const IN: usize = 1_048_576;
const OUT: usize = 1_073_741_824;

fn media<F: Form>(most: usize) -> MetaMediaType {
    let schema = MetaSchema {
        pattern: Some("^[^\\u0000]*$".to_owned()),
        min_length: Some(0),
        max_length: Some(most),
        example: Some(F::EXAMPLE.into()),
        ..MetaSchema::new("string")
    };
    MetaMediaType { content_type: F::MEDIA, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

/// A file: 200, or 304 when the client has this very version.
pub struct Download<F>(Response, PhantomData<F>);

impl<F: Form> Download<F> {
    /// The 304, decided before a row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>) -> Option<Self> {
        known.as_ref().filter(|tags| tags.weakly_match(etag))?;
        let mut response = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
        set(&mut response, header::ETAG, etag.as_str());
        Cache::Private.mark(&mut response);
        Some(Download(response, PhantomData))
    }

    pub fn new(text: String, etag: &ETag) -> Self {
        let media = format!("{}; charset=utf-8", F::MEDIA);
        let mut response = Response::builder().content_type(media).body(text);
        set(&mut response, header::ETAG, etag.as_str());
        response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(F::FILE));
        Cache::Private.mark(&mut response);
        Download(response, PhantomData)
    }
}

impl<F: Form> ApiResponse for Download<F> {
    fn meta() -> MetaResponses {
        let whole = MetaResponse {
            content: vec![media::<F>(OUT)],
            ..bare(200, &["ETag", "Cache-Control", "Content-Disposition"], "The file")
        };
        let kept = bare(304, &["ETag", "Cache-Control"], "The client's copy is still current");
        MetaResponses { responses: vec![whole, kept] }
    }
    fn register(_: &mut Registry) {}
}

impl<F> IntoResponse for Download<F>
where
    F: Form,
{
    fn into_response(self) -> Response {
        self.0
    }
}

/// A file that comes as the body.
pub struct Upload<F>(pub String, PhantomData<F>);

impl<'a, F: Form> ApiExtractor<'a> for Upload<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![media::<F>(IN)], required: true })
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match Checked::of(request)?.body.lock().ok().and_then(|mut body| body.take()) {
            Some(Value::String(text)) => Ok(Upload(text, PhantomData)),
            _ => Err(Problem::from(Error::Internal("a text passed the gate unread".to_owned())).into()),
        }
    }
}
