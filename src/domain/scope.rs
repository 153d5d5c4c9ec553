//! Scopes of API keys.
use std::{borrow::Cow, convert::Infallible, fmt, str::FromStr};

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::Value;

/// A permission of an API key, such as `posts:read`. The OpenAPI document lists the scopes of all operations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Scope(pub String);

impl Scope {
    /// The name of the schema, which the generator of the OpenAPI document completes.
    pub const SCHEMA: &'static str = "Scope";
}

impl FromStr for Scope {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Scope(text.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Type for Scope {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        Scope::SCHEMA.into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Scope::SCHEMA.to_owned())
    }
    fn register(registry: &mut Registry) {
        registry.create_schema::<Scope, _>(Scope::SCHEMA.to_owned(), |_| MetaSchema {
            description: Some("A permission of an API key, within the permissions of its owner."),
            // Replaced by the scopes of all operations.
            enum_items: vec![Value::Null],
            ..MetaSchema::new("string")
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for Scope {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Scope(text)),
            value => Err(ParseError::expected_type(value.unwrap_or_default())),
        }
    }
}

impl ToJSON for Scope {
    fn to_json(&self) -> Option<Value> {
        Some(Value::String(self.0.clone()))
    }
}
