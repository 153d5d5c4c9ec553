//! Typed ids: an `Id<User>` is not accepted where an `Id<Post>` is expected.
use std::{fmt, marker::PhantomData, str::FromStr};

use poem_openapi::registry::MetaSchema;
use uuid::Uuid;

use super::scalar::string_scalar;

/// A UUIDv7 (RFC 9562).
pub struct Id<T>(pub Uuid, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// Generates an id. Ids sort by the time of their generation.
    pub fn generate() -> Self {
        Id(Uuid::now_v7(), PhantomData)
    }
}

// `derive` would require these traits of `T` too.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}

impl<T> From<Uuid> for Id<T> {
    fn from(id: Uuid) -> Self {
        Id(id, PhantomData)
    }
}

impl<T> FromStr for Id<T> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse::<Uuid>().map(Id::from)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

string_scalar!([T: 'static] Id<T>, "id", MetaSchema {
    min_length: Some(36),
    max_length: Some(36),
    ..MetaSchema::new_with_format("string", "uuid")
});
