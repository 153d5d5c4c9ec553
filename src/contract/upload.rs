//! Pictures that come as a form: what the operation takes.
use poem::{Request, RequestBody, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
};
use serde_json::json;

use super::{
    multipart::{Multipart, boundary},
    problem::{Error, Problem},
};
use crate::pictures::Format;

pub const FORM: &str = "multipart/form-data";
/// Bytes of the file, and of everything around it.
pub const FILE: usize = 5 * 1024 * 1024;
pub const BODY: usize = FILE + 64 * 1024;
/// Characters of what a picture shows, in words.
pub const ALT: usize = 1000;
/// What the file may be; its bytes say which of them it is.
pub fn kinds() -> String {
    Format::ALL.map(Format::media_type).join(", ")
}

const NAME: &str = "NewMedia";

/// A form with a picture, not read yet.
pub struct Upload(pub Multipart);

fn text(description: &'static str, most: usize, example: &str) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        min_length: Some(1),
        max_length: Some(most),
        example: Some(json!(example)),
        ..MetaSchema::new("string")
    }
}

fn schema() -> MetaSchema {
    let file = "The picture: JPEG, PNG, WebP or GIF, of at most 5 MiB, 40 million pixels (25 million if it is \
                transparent or progressive), 8,192 pixels a side and 100 frames. Its bytes say what it is, whatever its name and type say; what does not belong to the \
                picture, such as where it was taken, is left out.";
    let file = MetaSchema { format: Some("binary"), ..text(file, FILE, "GIF89a…") };
    let alt = text("What the picture shows, for those who do not see it.", ALT, "A joint that fits");
    MetaSchema {
        description: Some("A picture to be kept."),
        required: vec!["file"],
        properties: vec![
            ("file", MetaSchemaRef::Inline(Box::new(file))),
            ("alt", MetaSchemaRef::Inline(Box::new(alt))),
        ],
        example: Some(json!({ "file": "GIF89a…", "alt": "A joint that fits" })),
        ..MetaSchema::new("object")
    }
}

impl<'a> ApiExtractor<'a> for Upload {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_schema::<Upload, _>(NAME.to_owned(), |_| schema());
    }

    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchemaRef::Reference(NAME.to_owned());
        let content = vec![MetaMediaType { content_type: FORM, schema }];
        Some(MetaRequest {
            description: Some("A form with the picture as its part `file`."),
            content,
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let form = request.header(header::CONTENT_TYPE).and_then(boundary);
        let form = form.ok_or_else(|| Problem::from(Error::Malformed("the form names no boundary")))?;
        let body = body.take().map_err(|_| Problem::from(Error::Internal("the body is gone".to_owned())))?;
        Ok(Upload(Multipart::new(body.into_bytes_stream(), &form, BODY)))
    }
}
