//! Text files: responses that download a file and request bodies that upload one.
use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};
use serde_json::Value;

use super::{
    cache::Cache,
    etag::{ETag, Tags},
    file::{File, Media},
    problem::{Error, Problem},
    request::Checked,
};

/// A text format: its media type, file name and example.
pub trait Form: Send + Sync + 'static {
    const MEDIA: &'static str;
    /// The file name in `Content-Disposition`.
    const FILE: &'static str;
    const EXAMPLE: &'static str;
}

/// Upper bounds in characters.
const MAX_UPLOAD: usize = 1_048_576;
const MAX_DOWNLOAD: usize = 1_073_741_824;

fn schema<F: Form>(max_length: usize) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        pattern: Some("^[^\\u0000]*$".to_owned()),
        min_length: Some(0),
        max_length: Some(max_length),
        example: Some(F::EXAMPLE.into()),
        ..MetaSchema::new("string")
    }))
}

/// A response with a file in the format `F`.
pub type Download<F> = File<Text<F>>;

/// The [`Media`] of the text format `F`.
pub struct Text<F>(PhantomData<fn() -> F>);

impl<F: Form> Media for Text<F> {
    const TYPE: &'static str = F::MEDIA;
    const PARAMETERS: &'static str = "; charset=utf-8";
    const DESCRIPTION: &'static str = "The file";

    fn schema() -> MetaSchemaRef {
        schema::<F>(MAX_DOWNLOAD)
    }
}

impl<F: Form> Download<F> {
    /// Returns the 304 if `known` matches `etag`. Call it before any row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>) -> Option<Self> {
        Self::current(etag, known, Cache::Private)
    }

    pub fn new(text: String, etag: &ETag) -> Self {
        Self::found(text, F::FILE, etag, Cache::Private)
    }
}

/// A request body in the format `F`.
pub struct Upload<F>(pub String, PhantomData<F>);

impl<'a, F: Form> ApiExtractor<'a> for Upload<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let media = MetaMediaType { content_type: F::MEDIA, schema: schema::<F>(MAX_UPLOAD) };
        Some(MetaRequest { description: None, content: vec![media], required: true })
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match Checked::of(request)?.body.lock().ok().and_then(|mut body| body.take()) {
            Some(Value::String(text)) => Ok(Upload(text, PhantomData)),
            _ => {
                Err(Problem::from(Error::Internal("the validated request has no text body".to_owned()))
                    .into())
            }
        }
    }
}
