//! Texts that are files: what an operation hands out under a file's name, and what it takes.
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

fn schema<F: Form>(most: usize) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        pattern: Some("^[^\\u0000]*$".to_owned()),
        min_length: Some(0),
        max_length: Some(most),
        example: Some(F::EXAMPLE.into()),
        ..MetaSchema::new("string")
    }))
}

/// A text that goes out.
pub type Download<F> = File<Text<F>>;

pub struct Text<F>(PhantomData<fn() -> F>);

impl<F: Form> Media for Text<F> {
    const TYPE: &'static str = F::MEDIA;
    const PARAMETERS: &'static str = "; charset=utf-8";
    const WHAT: &'static str = "The file";

    fn schema() -> MetaSchemaRef {
        schema::<F>(OUT)
    }
}

impl<F: Form> Download<F> {
    /// The 304, decided before a row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>) -> Option<Self> {
        Self::current(etag, known, Cache::Private)
    }

    pub fn new(text: String, etag: &ETag) -> Self {
        Self::found(text, F::FILE, etag, Cache::Private)
    }
}

/// A file that comes as the body.
pub struct Upload<F>(pub String, PhantomData<F>);

impl<'a, F: Form> ApiExtractor<'a> for Upload<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        let media = MetaMediaType { content_type: F::MEDIA, schema: schema::<F>(IN) };
        Some(MetaRequest { description: None, content: vec![media], required: true })
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
