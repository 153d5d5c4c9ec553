//! JSON Merge Patch (RFC 7396): an absent field is unchanged, `null` clears it, a value replaces it.
use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A nullable field of a merge patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Given<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Given<T> {
    /// Returns the field after the patch, given its `current` value.
    pub fn over(self, current: Option<T>) -> Option<T> {
        match self {
            Given::Absent => current,
            Given::Null => None,
            Given::Value(value) => Some(value),
        }
    }
}

impl<T: Type> Type for Given<T> {
    const IS_REQUIRED: bool = false;
    type RawValueType = T::RawValueType;
    type RawElementValueType = T::RawElementValueType;
    fn name() -> Cow<'static, str> {
        format!("given_{}", T::name()).into()
    }
    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref().merge(MetaSchema { nullable: true, ..MetaSchema::ANY })
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        None
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self::RawElementValueType> + 'a> {
        Box::new(std::iter::empty())
    }
    fn is_none(&self) -> bool {
        matches!(self, Given::Absent)
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Given<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Given::Absent),
            Some(Value::Null) => Ok(Given::Null),
            value => T::parse_from_json(value).map(Given::Value).map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Given<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Given::Absent => None,
            Given::Null => Some(Value::Null),
            Given::Value(value) => value.to_json(),
        }
    }
}
