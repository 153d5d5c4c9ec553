//! `string_scalar!`: implements the traits of a value type that is a JSON string.

/// Implements poem-openapi's and serde's traits for `$ty` as a JSON string with the given schema. Parsing
/// uses `FromStr`. Serialization uses `Display`, or the text that the function `$text` returns.
macro_rules! string_scalar {
    ([$($generics:tt)*] $ty:ty, $name:expr, $schema:expr) => {
        $crate::domain::scalar::string_scalar!(
            [$($generics)*] $ty,
            $name,
            $schema,
            std::convert::identity::<&Self>
        );
    };
    ([$($generics:tt)*] $ty:ty, $name:expr, $schema:expr, $text:expr) => {
        impl<$($generics)*> poem_openapi::types::Type for $ty {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema))
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
        impl<$($generics)*> poem_openapi::types::ParseFromJSON for $ty {
            fn parse_from_json(
                value: Option<serde_json::Value>,
            ) -> poem_openapi::types::ParseResult<Self> {
                let value = value.unwrap_or_default();
                match value.as_str().and_then(|text| text.parse().ok()) {
                    Some(parsed) => Ok(parsed),
                    None => Err(poem_openapi::types::ParseError::expected_type(value)),
                }
            }
        }
        impl<$($generics)*> poem_openapi::types::ParseFromParameter for $ty {
            fn parse_from_parameter(value: &str) -> poem_openapi::types::ParseResult<Self> {
                value.parse().map_err(|_| poem_openapi::types::ParseError::custom("has an invalid format"))
            }
        }
        impl<$($generics)*> poem_openapi::types::ToJSON for $ty {
            fn to_json(&self) -> Option<serde_json::Value> {
                Some(serde_json::Value::String($text(self).to_string()))
            }
        }
        impl<$($generics)*> serde::Serialize for $ty {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str($text(self))
            }
        }
    };
}
pub(crate) use string_scalar;
