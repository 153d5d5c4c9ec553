//! Signed requests: webhooks that a signature authenticates. Gives access to the raw headers and body.
use std::marker::PhantomData;

use bytes::Bytes;
use poem::{Request, RequestBody, http::HeaderMap};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};

use super::extract::ValidatedRequest;

/// A sender of signed requests.
pub trait WebhookSigner: Send + Sync + 'static {
    /// The security scheme, as `security` names it.
    const SCHEME: &'static str;
    /// The maximum size of a body, in bytes.
    const MAX_BODY: usize;
    const EXAMPLE: &'static str;
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

impl<'a, S: WebhookSigner> ApiExtractor<'a> for SignedRequest<S> {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec!["allow:provider", S::SCHEME]
    }

    // The body is declared as bytes: the signature covers the bytes, and nothing parses them before it is
    // verified.
    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema {
            min_length: Some(1),
            max_length: Some(S::MAX_BODY),
            example: Some(S::EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        let schema = MetaSchemaRef::Inline(Box::new(schema));
        let media = MetaMediaType { content_type: "application/json", schema };
        Some(MetaRequest { description: None, content: vec![media], required: true })
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
