//! Requests that no caller vouches for but a signature: the fields and the body as they came, byte for byte.
use std::marker::PhantomData;

use bytes::Bytes;
use poem::{Request, RequestBody, http::HeaderMap};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef},
};

use super::request::Checked;

/// Who signs, and what they send.
pub trait Signer: Send + Sync + 'static {
    /// The way of proving, as `security` names it.
    const SCHEME: &'static str;
    /// The most bytes of a body.
    const MOST: usize;
    const EXAMPLE: &'static str;
}

/// A signed request. Nothing in it is believed yet.
pub struct Signed<S> {
    pub fields: Fields,
    pub body: Bytes,
    signer: PhantomData<S>,
}

/// Header fields, each to be had only if it stands there once and can be read.
#[derive(Debug, Clone, Default)]
pub struct Fields(HeaderMap);

impl Fields {
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => line.to_str().ok(),
            _ => None,
        }
    }
}

impl From<HeaderMap> for Fields {
    fn from(fields: HeaderMap) -> Self {
        Fields(fields)
    }
}

impl<'a, S: Signer> ApiExtractor<'a> for Signed<S> {
    const TYPES: &'static [ApiExtractorType] =
        &[ApiExtractorType::SecurityScheme, ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn security_schemes() -> Vec<&'static str> {
        vec!["allow:provider", S::SCHEME]
    }

    // Bytes, not JSON: whether they may be read is known only when they are verified.
    fn request_meta() -> Option<MetaRequest> {
        let schema = MetaSchema {
            min_length: Some(1),
            max_length: Some(S::MOST),
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
        let body = Checked::of(request)?.bytes.clone();
        Ok(Signed { fields: Fields(request.headers().clone()), body, signer: PhantomData })
    }
}
