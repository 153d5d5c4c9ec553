//! Wire types and settings of upstreams.
use std::borrow::Cow;

use poem_openapi::{
    Object,
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseResult, Type},
};
use serde::{Serialize, Serializer};
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    domain::{
        pattern,
        text::{AbsolutePath, text_type},
    },
    http::{cache_control::CacheControl, etag::ETag, response::Resource},
};

/// A request to an upstream.
#[derive(Debug)]
pub struct UpstreamRequest {
    pub upstream: UpstreamName,
    pub path: UpstreamPath,
    pub query: UpstreamQuery,
    pub request_id: String,
}

text_type! {
    /// The name of an upstream in the settings.
    pub struct UpstreamName {
        length: 1..=32,
        pattern: pattern::SLUG_PART,
        example: "weather",
    }

    /// A path below the base URL of an upstream. Semicolons are rejected: some servers treat `..;` as `..`.
    pub struct UpstreamPath {
        length: 1..=500,
        pattern: pattern::URL_SEGMENTS,
        example: "v1/forecast",
    }

    /// The query string of a request to an upstream.
    pub struct QueryString {
        length: 0..=1000,
        pattern: pattern::URL_QUERY,
        example: "city=Oslo&units=metric",
    }

    /// A JSON Pointer (RFC 6901).
    pub struct JsonPointer {
        length: 0..=500,
        pattern: pattern::JSON_POINTER,
        example: "/current/temperature",
    }
}

/// A service that is available through this server.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Upstream {
    /// The configured name.
    pub name: UpstreamName,
    /// The URL to which the paths of the upstream are appended.
    pub href: AbsolutePath<100>,
}

/// All upstreams, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct UpstreamList {
    /// The configured upstreams.
    #[oai(validator(max_items = "32"))]
    pub data: Vec<Upstream>,
}

impl Resource for UpstreamList {
    fn etag(&self) -> ETag {
        let names: Vec<&str> = self.data.iter().map(|upstream| upstream.name.as_str()).collect();
        ETag::from_parts(&names)
    }
    fn location(&self) -> String {
        "/api/upstreams".to_owned()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// Parameters of a request to an upstream.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UpstreamQuery {
    /// The query string for the upstream, without the `?`. Its values are percent-encoded for the upstream,
    /// and the whole string again as the value of this parameter.
    pub query: Option<QueryString>,
    /// The part of the response to return, as a JSON Pointer (RFC 6901). Absent or empty: the whole response.
    pub pointer: Option<JsonPointer>,
}

/// Raw JSON of any type, forwarded unchanged.
#[derive(Debug)]
pub struct UpstreamJson(pub Box<RawValue>);

impl Type for UpstreamJson {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        "json".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("JSON of any type. The upstream defines its schema."),
            example: Some(json!({ "city": "Oslo", "temperature": -4 })),
            ..MetaSchema::ANY
        }))
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for UpstreamJson {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        to_raw_value(&value.unwrap_or_default()).map(UpstreamJson).map_err(ParseError::custom)
    }
}

impl Serialize for UpstreamJson {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl Resource for UpstreamJson {
    fn etag(&self) -> ETag {
        ETag::from_parts(&[self.0.get()])
    }
    /// The content has no URL of its own on this server.
    fn location(&self) -> String {
        "/api/upstreams".to_owned()
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}
