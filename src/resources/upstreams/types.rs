//! Wire types and settings of upstreams.
use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr};

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
    domain::scalar::string_scalar,
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

macro_rules! string_params {
    ($($(#[doc = $doc:literal])* $name:ident = $type_name:literal, $pattern:expr, $max_length:literal, $example:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(pub String);

        impl FromStr for $name {
            type Err = Infallible;
            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok($name(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        string_scalar!([] $name, $type_name, MetaSchema {
            pattern: Some($pattern.to_owned()),
            min_length: Some(1),
            max_length: Some($max_length),
            example: Some($example.into()),
            ..MetaSchema::new("string")
        });
    )*};
}

string_params! {
    /// The name of an upstream in the settings.
    UpstreamName = "upstream_name", "^[a-z0-9-]+$", 32, "weather";
    /// A path below the base URL of an upstream. Semicolons are rejected: some servers treat `..;` as `..`.
    UpstreamPath = "upstream_path",
        "^[A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*$", 500, "v1/forecast";
}

/// A service that is available through this server.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Upstream {
    /// The configured name.
    pub name: UpstreamName,
    /// The URL to which the paths of the upstream are appended.
    #[oai(validator(pattern = "^/[\\u0021-\\u007e]*$", min_length = "1", max_length = "100"))]
    pub href: String,
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
        let names: Vec<&str> = self.data.iter().map(|upstream| upstream.name.0.as_str()).collect();
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
    #[oai(validator(pattern = "^([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$", max_length = "1000"))]
    pub query: Option<String>,
    /// The part of the response to return, as a JSON Pointer (RFC 6901). Absent or empty: the whole response.
    #[oai(validator(pattern = "^(/([^\\u0000/~]|~[01])*)*$", max_length = "500"))]
    pub pointer: Option<String>,
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
