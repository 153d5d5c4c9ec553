//! The status of a redirect.
use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::Value;

/// The status code of a redirect (RFC 9110, section 15.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RedirectStatus {
    /// 303: the client follows with GET.
    SeeOther,
    /// 307: temporary. The client preserves the method and the body.
    #[default]
    Temporary,
    /// 308: permanent. The client preserves the method and the body.
    Permanent,
}

impl RedirectStatus {
    const ALL: [RedirectStatus; 3] =
        [RedirectStatus::SeeOther, RedirectStatus::Temporary, RedirectStatus::Permanent];

    pub fn code(self) -> u16 {
        match self {
            RedirectStatus::SeeOther => 303,
            RedirectStatus::Temporary => 307,
            RedirectStatus::Permanent => 308,
        }
    }

    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|status| i64::from(status.code()) == code)
    }

    pub fn is_permanent(self) -> bool {
        self == RedirectStatus::Permanent
    }

    /// Returns the status of a rule with the fields `permanent` and `status`. The error is the message of the
    /// violation of `permanent`.
    pub fn of(permanent: bool, status: Option<RedirectStatus>) -> Result<Self, &'static str> {
        match (permanent, status) {
            (true, None | Some(RedirectStatus::Permanent)) => Ok(RedirectStatus::Permanent),
            (true, Some(_)) => Err("must be false or omitted if status is 303 or 307"),
            (false, status) => Ok(status.unwrap_or_default()),
        }
    }
}

impl Type for RedirectStatus {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "redirect-status".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            enum_items: Self::ALL.iter().map(|status| status.code().into()).collect(),
            example: Some(303.into()),
            ..MetaSchema::new("integer")
        }))
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for RedirectStatus {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let status = value.as_i64().and_then(RedirectStatus::from_code);
        status.ok_or_else(|| ParseError::expected_type(value))
    }
}

impl ToJSON for RedirectStatus {
    fn to_json(&self) -> Option<Value> {
        Some(self.code().into())
    }
}

impl Serialize for RedirectStatus {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u16(self.code())
    }
}
