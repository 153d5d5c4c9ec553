//! How upstreams look on the wire, and how they are set.
use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr, time::Duration};

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

use crate::contract::{answer::Resource, cache::Cache, etag::ETag, scalar::string_scalar, secret::Secret};

/// Who may be asked, and for how long they are waited for.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    pub known: Vec<Destination>,
    /// Whether they may be within the house.
    pub private: bool,
    pub time: Duration,
}

/// One who may be asked.
#[derive(Debug, Clone)]
pub struct Destination {
    pub name: String,
    /// What all addresses there begin with, without a slash at its end.
    pub base: String,
    /// What it is sent as `Authorization`.
    pub authorization: Option<Secret<String>>,
}

/// What is asked, of whom, and for which request.
#[derive(Debug)]
pub struct Question {
    pub upstream: UpstreamName,
    pub path: UpstreamPath,
    pub query: UpstreamQuery,
    pub trace: String,
}

macro_rules! words {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal, $pattern:expr, $most:literal, $example:literal;)*) => {$(
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

        string_scalar!([] $name, $word, MetaSchema {
            pattern: Some($pattern.to_owned()),
            min_length: Some(1),
            max_length: Some($most),
            example: Some($example.into()),
            ..MetaSchema::new("string")
        });
    )*};
}

words! {
    /// What an upstream is called in the settings.
    UpstreamName = "upstream_name", "^[a-z0-9-]+$", 32, "weather";
    /// A path below an upstream's base. Semicolons are not in it: some servers take `..;` for `..`.
    UpstreamPath = "upstream_path",
        "^[A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*$", 500, "v1/forecast";
}

/// A service elsewhere that may be asked through this one.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Upstream {
    /// What it is called here.
    pub name: UpstreamName,
    /// What its paths are added to.
    #[oai(validator(pattern = "^/[\\u0021-\\u007e]*$", min_length = "1", max_length = "100"))]
    pub href: String,
}

/// All upstreams, by name.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct UpstreamList {
    /// Those that are set.
    #[oai(validator(max_items = "32"))]
    pub data: Vec<Upstream>,
}

impl Resource for UpstreamList {
    fn etag(&self) -> ETag {
        let names: Vec<&str> = self.data.iter().map(|upstream| upstream.name.0.as_str()).collect();
        ETag::of_parts(&names)
    }
    fn location(&self) -> String {
        "/api/upstreams".to_owned()
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// What an upstream is asked for beside its path.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct UpstreamQuery {
    /// The query that the upstream is sent, as it stands behind the `?` of its address: percent-encoded there, and as
    /// the value of this parameter once more.
    #[oai(validator(pattern = "^([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$", max_length = "1000"))]
    pub query: Option<String>,
    /// The part of the upstream's answer that is wanted, as a JSON Pointer (RFC 6901). Left out or empty: all of it.
    #[oai(validator(pattern = "^(/([^\\u0000/~]|~[01])*)*$", max_length = "500"))]
    pub pointer: Option<String>,
}

/// JSON of any kind, as somebody else has written it.
#[derive(Debug)]
pub struct Relayed(pub Box<RawValue>);

impl Type for Relayed {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        "json".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            description: Some("JSON of any kind: what it means is between the client and the upstream."),
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

impl ParseFromJSON for Relayed {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        to_raw_value(&value.unwrap_or_default()).map(Relayed).map_err(ParseError::custom)
    }
}

impl Serialize for Relayed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl Resource for Relayed {
    fn etag(&self) -> ETag {
        ETag::of_parts(&[self.0.get()])
    }
    /// What it answers lies elsewhere.
    fn location(&self) -> String {
        "/api/upstreams".to_owned()
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}
