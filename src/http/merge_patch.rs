//! JSON Merge Patch (RFC 7396): an absent field is unchanged, `null` clears it, a value replaces it.
use std::borrow::Cow;

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde_json::Value;

/// A nullable field of a merge patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    /// Returns the field after the patch, given its `current` value.
    pub fn apply_to<U: From<T>>(self, current: Option<U>) -> Option<U> {
        match self {
            Patch::Absent => current,
            Patch::Null => None,
            Patch::Value(value) => Some(U::from(value)),
        }
    }
}

/// Sets or clears the field.
impl<T> From<Option<T>> for Patch<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Patch::Null, Patch::Value)
    }
}

impl<T: Type> Type for Patch<T> {
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
        matches!(self, Patch::Absent)
    }
}

impl<T: ParseFromJSON> ParseFromJSON for Patch<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            None => Ok(Patch::Absent),
            Some(Value::Null) => Ok(Patch::Null),
            value => T::parse_from_json(value).map(Patch::Value).map_err(ParseError::propagate),
        }
    }
}

impl<T: ToJSON> ToJSON for Patch<T> {
    fn to_json(&self) -> Option<Value> {
        match self {
            Patch::Absent => None,
            Patch::Null => Some(Value::Null),
            Patch::Value(value) => value.to_json(),
        }
    }
}

#[cfg(test)]
mod tests {
    use macros::MergePatch;
    use poem_openapi::{Object, types::Example};
    use serde_json::json;

    use super::*;

    #[derive(Object, MergePatch)]
    #[oai(rename_all = "camelCase", example)]
    struct ShelfInput {
        /// The name. It is unique.
        name: String,
        /// The width in
        /// centimetres. If omitted, the shelf has no width.
        max_width: Option<u32>,
        /// The room. Default: the first one.
        #[merge_patch(required)]
        room: Option<String>,
        /// Whether the shelf is open.
        #[oai(default)]
        #[merge_patch(doc = "Opens or closes the shelf.")]
        open: bool,
        #[merge_patch(skip)]
        copies: u32,
    }

    impl Example for ShelfInput {
        fn example() -> Self {
            ShelfInput { name: "A".into(), max_width: None, room: Some("B".into()), open: true, copies: 1 }
        }
    }

    #[test]
    fn derives_a_merge_patch() {
        assert_eq!(ShelfInput::example().copies, 1);
        let example = ShelfPatch::example().to_json();
        assert_eq!(example, Some(json!({ "name": "A", "maxWidth": null, "room": "B", "open": true })));
        let mut registry = Registry::new();
        ShelfPatch::register(&mut registry);
        let schema = &registry.schemas["ShelfPatch"];
        assert!(schema.required.is_empty());
        let descriptions: Vec<_> = schema
            .properties
            .iter()
            .map(|(name, property)| {
                let schema = property.unwrap_inline();
                (*name, schema.nullable, schema.description.unwrap_or_default())
            })
            .collect();
        assert_eq!(
            descriptions,
            [
                ("name", false, "The name. It is unique."),
                ("maxWidth", true, "The width in centimetres. `null` clears it."),
                ("room", false, "The room."),
                ("open", false, "Opens or closes the shelf."),
            ]
        );
    }

    #[test]
    fn distinguishes_absent_from_null() {
        let patch =
            ShelfPatch::parse_from_json(Some(json!({ "maxWidth": null }))).unwrap_or_else(|_| panic!());
        assert_eq!((patch.name, patch.max_width, patch.open), (None, Patch::Null, None));
        let patch = ShelfPatch::parse_from_json(Some(json!({ "open": false }))).unwrap_or_else(|_| panic!());
        assert_eq!((patch.max_width, patch.open), (Patch::Absent, Some(false)));
    }
}
