//! Image uploads as `multipart/form-data`.
use std::sync::LazyLock;

use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSchema, MetaSchemaRef, Registry},
};
use serde_json::json;

use super::{
    multipart::{Multipart, TOO_LARGE_HINT, boundary},
    operation::{Argument, BodyFormat, DeclareArgument, MediaType, Operation, RequestBody as DeclaredBody},
    problem::{Error, Problem},
};
use crate::images::{Format, Limits, limits};

const MULTIPART_FORM_DATA: &str = "multipart/form-data";
/// Maximum size of the file that the setting `media_max_bytes` allows, in bytes.
const MAX_FILE_BYTES: usize = 100 * 1024 * 1024;
/// Maximum size of the body beside the file, in bytes: the alternative text and the multipart headers.
pub const MAX_FORM_OVERHEAD: usize = 64 * 1024;
const MAX_BODY_BYTES: usize = MAX_FILE_BYTES + MAX_FORM_OVERHEAD;
/// Maximum length of the alternative text, in characters.
pub const MAX_ALT_CHARS: usize = 1000;
/// Returns the accepted media types. The type of a file is detected from its content.
pub fn accepted_media_types() -> String {
    Format::ALL.map(Format::media_type).join(", ")
}

const SCHEMA_NAME: &str = "MediaInput";

/// Returns the configured limits as the OpenAPI document states them.
pub fn limits_text(limits: &Limits) -> String {
    format!(
        "at most {} bytes (`media_max_bytes`) and {} pixels (`media_max_pixels`)",
        limits.bytes, limits.pixels
    )
}

/// The default limits as the OpenAPI document states them. A server with other limits replaces this text.
pub static DEFAULT_LIMITS: LazyLock<String> = LazyLock::new(|| limits_text(&Limits::DEFAULT));

/// The description of the file.
static FILE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "The image: JPEG, PNG, WebP or GIF, {}. Encodings that need more memory, such as GIF and transparent WebP, may have fewer \
         pixels. A side has at most {} pixels, and an animation {} frames. The format is detected from the content; the file name \
         and the declared type are ignored. Metadata, such as the location, is removed.",
        *DEFAULT_LIMITS,
        limits::MAX_SIDE,
        limits::MAX_FRAMES
    )
});

/// An unread form with an image.
pub struct ImageUpload(pub Multipart);

fn text(description: &'static str, max_length: usize, example: &str) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        min_length: Some(1),
        max_length: Some(max_length),
        example: Some(json!(example)),
        ..MetaSchema::new("string")
    }
}

fn schema() -> MetaSchema {
    let file = MetaSchema { format: Some("binary"), ..text(&FILE, MAX_FILE_BYTES, "GIF89a…") };
    let alt = text(
        "The alternative text: a description of the image for people who cannot see it.",
        MAX_ALT_CHARS,
        "A joint that fits",
    );
    MetaSchema {
        description: Some("An image to store."),
        required: vec!["file"],
        properties: vec![
            ("file", MetaSchemaRef::Inline(Box::new(file))),
            ("alt", MetaSchemaRef::Inline(Box::new(alt))),
        ],
        example: Some(json!({ "file": "GIF89a…", "alt": "A joint that fits" })),
        ..MetaSchema::new("object")
    }
}

impl DeclareArgument for ImageUpload {
    fn declare(operation: &mut Operation, _: Argument) {
        let schema = MetaSchemaRef::Reference(SCHEMA_NAME.to_owned());
        operation.body = Some(DeclaredBody {
            description: Some("A form with the image in the part `file`."),
            content: vec![MediaType { name: MULTIPART_FORM_DATA, schema }],
            format: BodyFormat::Multipart { file: "file", media_types: accepted_media_types() },
            max_bytes: Some(MAX_BODY_BYTES),
            too_large_hint: Some(TOO_LARGE_HINT),
        });
    }
}

impl<'a> ApiExtractor<'a> for ImageUpload {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_schema::<ImageUpload, _>(SCHEMA_NAME.to_owned(), |_| schema());
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let form = request.header(header::CONTENT_TYPE).and_then(boundary);
        let form = form
            .ok_or_else(|| Problem::from(Error::Malformed("Content-Type: must have a boundary parameter")))?;
        let body = body
            .take()
            .map_err(|_| Problem::from(Error::Internal("the body was already read".to_owned())))?;
        Ok(ImageUpload(Multipart::new(body.into_bytes_stream(), &form, MAX_BODY_BYTES)))
    }
}
