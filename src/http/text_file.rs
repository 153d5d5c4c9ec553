//! Text files: responses that download a file and request bodies that upload one.
use std::marker::PhantomData;

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSchema, MetaSchemaRef},
};
use serde_json::Value;

use super::{
    cache_control::CacheControl,
    etag::{ETag, EntityTags},
    extract::ValidatedRequest,
    file_response::{FileResponse, Media},
    operation::{Argument, BodyFormat, DeclareArgument, MediaType, Operation, RequestBody as DeclaredBody},
    problem::{Error, Problem},
};

/// A text format: its media type, file name and example.
pub trait TextFormat: Send + Sync + 'static {
    const MEDIA_TYPE: &'static str;
    /// The file name in `Content-Disposition`.
    const FILE_NAME: &'static str;
    const EXAMPLE: &'static str;
}

/// Upper bounds in characters.
const MAX_UPLOAD: usize = 1_048_576;
const MAX_DOWNLOAD: usize = 1_073_741_824;

fn schema<F: TextFormat>(max_length: usize) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema {
        min_length: Some(0),
        max_length: Some(max_length),
        example: Some(F::EXAMPLE.into()),
        ..MetaSchema::new("string")
    }))
}

/// A response with a file in the format `F`.
pub type TextDownload<F> = FileResponse<TextMedia<F>>;

/// The [`Media`] of the text format `F`.
pub struct TextMedia<F>(PhantomData<fn() -> F>);

impl<F: TextFormat> Media for TextMedia<F> {
    const TYPE: &'static str = F::MEDIA_TYPE;
    const PARAMETERS: &'static str = "; charset=utf-8";
    const DESCRIPTION: &'static str = "The file";

    fn schema() -> MetaSchemaRef {
        schema::<F>(MAX_DOWNLOAD)
    }
}

impl<F: TextFormat> TextDownload<F> {
    /// Returns the 304 if `known` matches `etag`. Call it before any row is read.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>) -> Option<Self> {
        Self::current(etag, known, CacheControl::Private)
    }

    pub fn new(text: String, etag: &ETag) -> Self {
        Self::found(text, F::FILE_NAME, etag, CacheControl::Private)
    }
}

/// A request body in the format `F`.
pub struct TextUpload<F>(pub String, PhantomData<F>);

impl<F: TextFormat> DeclareArgument for TextUpload<F> {
    fn declare(operation: &mut Operation, _: Argument) {
        operation.body = Some(DeclaredBody {
            description: None,
            content: vec![MediaType { name: F::MEDIA_TYPE, schema: schema::<F>(MAX_UPLOAD) }],
            format: BodyFormat::Text,
            max_bytes: None,
            too_large_hint: None,
        });
    }
}

impl<'a, F: TextFormat> ApiExtractor<'a> for TextUpload<F> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        match ValidatedRequest::from_request(request)?.body.lock().take() {
            Some(Value::String(text)) => Ok(TextUpload(text, PhantomData)),
            _ => {
                Err(Problem::from(Error::Internal("the validated request has no text body".to_owned()))
                    .into())
            }
        }
    }
}
