//! Pictures that come as a form: what the operation takes, and what it answers.
use std::marker::PhantomData;

use poem::{
    IntoResponse, Request, RequestBody, Response,
    http::{HeaderName, StatusCode, header},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
};
use serde_json::json;

use super::{
    answer::{JSON, Resource, json, meta, set},
    attempt::{Kept, Outcome},
    cache::Cache,
    multipart::{Multipart, boundary},
    problem::{Error, Problem},
};

pub const FORM: &str = "multipart/form-data";
/// Bytes of the file, and of everything around it.
pub const FILE: usize = 5 * 1024 * 1024;
pub const BODY: usize = FILE + 64 * 1024;
/// Characters of what a picture shows, in words.
pub const ALT: usize = 1000;
/// What the file may be; its bytes say which of them it is.
pub const KINDS: &str = "image/jpeg, image/png, image/webp, image/gif";

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
    let file = "The picture: JPEG, PNG, WebP or GIF, of at most 5 MiB, 40 million pixels, 8,192 pixels a side and \
                100 frames. Its bytes say what it is, whatever its name and type say; what does not belong to the \
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

/// What was sent is kept now: 201, or 200 with what was kept before, if it is the same.
pub struct Received<T>(Response, PhantomData<fn() -> T>);

impl<T: Resource> Received<T> {
    pub fn new(outcome: Outcome<T>) -> Self {
        let place = |status: StatusCode, mut response: Response, etag: &str, location: &str| {
            response.set_status(status);
            set(&mut response, header::ETAG, etag);
            set(&mut response, header::LOCATION, location);
            response
        };
        let mut response = match outcome {
            Outcome::Fresh(resource) => {
                let status = if resource.is_new() { StatusCode::CREATED } else { StatusCode::OK };
                let response = json(status, &resource);
                place(status, response, resource.etag().as_str(), &resource.location())
            }
            Outcome::Again(Kept { status, body, etag, location }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CREATED);
                let response = Response::builder().content_type(JSON).body(body);
                let mut response = place(status, response, &etag, &location);
                set(&mut response, HeaderName::from_static("idempotent-replayed"), "true");
                response
            }
        };
        Cache::None.mark(&mut response);
        Received(response, PhantomData)
    }
}

impl<T: Resource> ApiResponse for Received<T> {
    fn meta() -> MetaResponses {
        let fields = ["ETag", "Location", "Idempotent-Replayed", "Cache-Control"];
        MetaResponses {
            responses: vec![
                meta::<T>(200, &fields, "The same picture was there already"),
                meta::<T>(201, &fields, "The new resource"),
            ],
        }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Resource> IntoResponse for Received<T> {
    fn into_response(self) -> Response {
        self.0
    }
}
