//! Signed requests: webhooks that a signature authenticates. Gives access to the raw headers and body.
use std::marker::PhantomData;

use bytes::Bytes;
use poem::{Request, RequestBody, http::HeaderMap};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSchema, MetaSchemaRef, Registry},
};
use serde_json::json;

use super::{
    extract::ValidatedRequest,
    operation::{
        Access, Argument, BodyFormat, DeclareArgument, MediaType, Operation, RateLimitClass,
        RequestBody as DeclaredBody, SignatureScheme,
    },
};

/// The media type of forms.
pub const FORM_URLENCODED: &str = "application/x-www-form-urlencoded";

/// A sender of signed requests.
pub trait WebhookSigner: Send + Sync + 'static {
    const SCHEME: SignatureScheme;
    /// The maximum size of a body, in bytes.
    const MAX_BODY: usize;
    const EXAMPLE: &'static str;
    /// The form, if the sender can also send one.
    const FORM: Option<SignedForm> = None;
}

/// A form whose only field is the JSON of a signed request.
pub struct SignedForm {
    /// The name of its schema in the OpenAPI document.
    pub schema: &'static str,
    pub description: &'static str,
    pub field: &'static str,
}

/// A signed request whose signature is not verified yet.
pub struct SignedRequest<S> {
    pub headers: SignedHeaders,
    pub body: Bytes,
    signer: PhantomData<S>,
}

/// The headers of a request. A repeated header and one that is not ASCII read as absent.
#[derive(Debug, Clone, Default)]
pub struct SignedHeaders(HeaderMap);

impl SignedHeaders {
    /// Returns the value of a header that occurs exactly once.
    pub fn get_single(&self, name: &str) -> Option<&str> {
        let mut values = self.0.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

impl From<HeaderMap> for SignedHeaders {
    fn from(fields: HeaderMap) -> Self {
        SignedHeaders(fields)
    }
}

impl<S: WebhookSigner> DeclareArgument for SignedRequest<S> {
    // The body is declared as bytes: the signature covers the bytes, and nothing parses them before it is
    // verified.
    fn declare(operation: &mut Operation, _: Argument) {
        let schema = MetaSchema {
            min_length: Some(1),
            max_length: Some(S::MAX_BODY),
            example: Some(S::EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let mut content = vec![MediaType { name: "application/json", schema }];
        content.extend(S::FORM.map(|form| MediaType {
            name: FORM_URLENCODED,
            schema: MetaSchemaRef::Reference(form.schema.to_owned()),
        }));
        operation.set_access(Access::Signed(S::SCHEME));
        operation.rate_limit = Some(RateLimitClass::Webhook);
        operation.body = Some(DeclaredBody {
            description: None,
            content,
            format: BodyFormat::Bytes,
            max_bytes: Some(S::MAX_BODY),
            too_large_hint: None,
        });
    }
}

fn form_schema<S: WebhookSigner>(form: &SignedForm) -> MetaSchema {
    let field = MetaSchema {
        description: Some("The JSON of the event."),
        min_length: Some(1),
        max_length: Some(S::MAX_BODY),
        example: Some(S::EXAMPLE.into()),
        ..MetaSchema::new("string")
    };
    MetaSchema {
        description: Some(form.description),
        properties: vec![(form.field, MetaSchemaRef::Inline(Box::new(field)))],
        required: vec![form.field],
        example: Some(json!({ form.field: S::EXAMPLE })),
        ..MetaSchema::new("object")
    }
}

impl<'a, S: WebhookSigner> ApiExtractor<'a> for SignedRequest<S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        if let Some(form) = S::FORM {
            registry.create_schema::<Self, _>(form.schema.to_owned(), |_| form_schema::<S>(&form));
        }
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let body = ValidatedRequest::from_request(request)?.bytes.clone();
        Ok(SignedRequest { headers: SignedHeaders(request.headers().clone()), body, signer: PhantomData })
    }
}
