//! Text types. Each defines the schema, the normalization and the example of one kind of text.
use poem_openapi::registry::MetaSchema;

use super::pattern::{self, Pattern};

/// Removes leading and trailing spaces and control characters.
pub fn trim(text: &str) -> String {
    text.trim_matches(|c: char| c <= '\u{20}').to_owned()
}

/// Converts to lower case, after [`trim`].
pub fn trim_lower(text: &str) -> String {
    trim(text).to_lowercase()
}

/// The schema of a text type.
pub(crate) struct TextSchema {
    pub min: usize,
    pub max: usize,
    pub pattern: Option<Pattern>,
    pub format: Option<&'static str>,
    pub example: Option<&'static str>,
}

impl TextSchema {
    pub fn meta(self) -> MetaSchema {
        MetaSchema {
            format: self.format,
            pattern: self.pattern.map(|pattern| pattern.regex.to_owned()),
            min_length: Some(self.min),
            max_length: Some(self.max),
            example: self.example.map(Into::into),
            ..MetaSchema::new("string")
        }
    }
}

/// Declares text types: newtypes of `String` with a schema.
///
/// The schema validator checks length (in characters, before normalization), pattern and format of a request before a
/// value is parsed. Parsing and conversion from `String` only normalize, so they cannot fail. `debug` replaces the text of
/// secrets in debug output, and such a type does not implement `Display`.
macro_rules! text_type {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident $(<$(const $param:ident: usize),+>)? {
            length: $min:tt ..= $max:tt,
            $(pattern: $pattern:expr,)?
            $(format: $format:literal,)?
            $(normalize: $normalize:path,)?
            $(debug: $debug:literal,)?
            $(example: $example:literal,)?
        }
    )*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name $(<$(const $param: usize),+>)? (String);

        impl $(<$(const $param: usize),+>)? $name $(<$($param),+>)? {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl $(<$(const $param: usize),+>)? std::ops::Deref for $name $(<$($param),+>)? {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl $(<$(const $param: usize),+>)? AsRef<str> for $name $(<$($param),+>)? {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        $crate::domain::text::format_text!(
            [$($(const $param: usize),+)?]
            $name $(<$($param),+>)?
            $(, $debug)?
        );

        impl $(<$(const $param: usize),+>)? From<String> for $name $(<$($param),+>)? {
            fn from(text: String) -> Self {
                $(let text = $normalize(&text);)?
                Self(text)
            }
        }

        impl $(<$(const $param: usize),+>)? From<&str> for $name $(<$($param),+>)? {
            fn from(text: &str) -> Self {
                Self::from(text.to_owned())
            }
        }

        impl $(<$(const $param: usize),+>)? From<$name $(<$($param),+>)?> for String {
            fn from(text: $name $(<$($param),+>)?) -> String {
                text.0
            }
        }

        impl $(<$(const $param: usize),+>)? std::str::FromStr for $name $(<$($param),+>)? {
            type Err = std::convert::Infallible;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(text))
            }
        }

        impl<'de, $($(const $param: usize),+)?> serde::Deserialize<'de> for $name $(<$($param),+>)? {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(from).map(Self::from)
            }
        }

        $crate::domain::scalar::string_scalar!(
            [$($(const $param: usize),+)?]
            $name $(<$($param),+>)?,
            stringify!($name),
            $crate::domain::text::TextSchema {
                min: $min,
                max: $max,
                pattern: $crate::domain::text::optional!($($pattern)?),
                format: $crate::domain::text::optional!($($format)?),
                example: $crate::domain::text::optional!($($example)?),
            }
            .meta(),
            Self::as_str
        );
    )*};
}
pub(crate) use text_type;

/// Implements `Debug` and `Display` for a text type, or for a secret `Debug` with a replacement.
macro_rules! format_text {
    ([$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> std::fmt::Display for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<$($generics)*> std::fmt::Debug for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
    };
    ([$($generics:tt)*] $ty:ty, $debug:literal) => {
        impl<$($generics)*> std::fmt::Debug for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt($debug, f)
            }
        }
    };
}
pub(crate) use format_text;

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}
pub(crate) use optional;

text_type! {
    /// The title of a post or a document.
    pub struct Title {
        length: 1..=200,
        pattern: pattern::NOT_BLANK,
        format: "text",
        normalize: trim,
        example: "A joint that fits",
    }

    /// The display name of a person.
    pub struct PersonName {
        length: 1..=100,
        pattern: pattern::LINE,
        format: "line",
        normalize: trim,
        example: "Ada Turner",
    }

    /// The display name of a tag.
    pub struct TagName {
        length: 1..=50,
        pattern: pattern::LINE,
        format: "line",
        normalize: trim,
        example: "Joinery",
    }

    /// A single line of at most `MAX` characters that is not blank.
    pub struct Line<const MAX: usize> {
        length: 1..=MAX,
        pattern: pattern::LINE,
        format: "line",
        normalize: trim,
    }

    /// Text of any form, stored unchanged.
    pub struct Text<const MAX: usize> {
        length: 1..=MAX,
    }

    /// Markdown, stored unchanged.
    pub struct Markdown<const MIN: usize, const MAX: usize> {
        length: MIN..=MAX,
    }

    /// Terms of a full-text filter, separated by spaces.
    pub struct SearchTerms {
        length: 1..=100,
        example: "joint",
    }

    /// An e-mail address. Addresses are compared and stored in lower case.
    pub struct Email {
        length: 3..=254,
        pattern: pattern::EMAIL,
        normalize: trim_lower,
        example: "ada@acme.test",
    }

    /// The http or https URL of a page or an image.
    pub struct WebUrl {
        length: 8..=2000,
        pattern: pattern::WEB_URL,
        format: "web-url",
        example: "https://www.acme.test/joint.webp",
    }

    /// The URL of an image, or its path on this server.
    pub struct MediaUrl {
        length: 2..=2000,
        pattern: pattern::MEDIA_URL,
        format: "web-url",
        example: "/media/7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
    }

    /// The event type of a webhook, or the type of a job: `post.published`.
    pub struct DottedName {
        length: 3..=60,
        pattern: pattern::DOTTED_NAME,
        example: "post.published",
    }

    /// The path of a resource on this server.
    pub struct AbsolutePath<const MAX: usize> {
        length: 1..=MAX,
        pattern: pattern::ABSOLUTE_PATH,
    }

    /// A position in a list, as returned with the previous page.
    pub struct Cursor {
        length: 16..=4000,
        pattern: pattern::BASE64URL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_spaces_and_control_characters() {
        for (text, trimmed) in
            [("a", "a"), (" \t\r\n a b \u{1}", "a b"), ("", ""), (" \n", ""), ("\u{a0}é ", "\u{a0}é")]
        {
            assert_eq!(trim(text), trimmed);
        }
    }

    #[test]
    fn normalizes_when_parsed() {
        assert_eq!(Title::from(" A joint ").as_str(), "A joint");
        assert_eq!(Email::from(" Ada@Acme.test").as_str(), "ada@acme.test");
        assert_eq!(Text::<10>::from(" as sent ").as_str(), " as sent ");
        let Ok(title) = serde_json::from_str::<Title>("\" A joint \"") else { panic!("must be parsed") };
        assert_eq!(serde_json::to_string(&title).ok().as_deref(), Some("\"A joint\""));
    }

    text_type! {
        struct Key {
            length: 1..=9,
            debug: "[redacted]",
        }
    }

    #[test]
    fn redacts_a_secret_in_debug_output_only() {
        let key = Key::from("k1");
        assert_eq!(format!("{key:?}"), "\"[redacted]\"");
        assert_eq!(serde_json::to_string(&key).ok().as_deref(), Some("\"k1\""));
        assert_eq!(poem_openapi::types::ToJSON::to_json(&key), Some("k1".into()));
    }
}
