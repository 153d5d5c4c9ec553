//! Slugs: names in URLs, of lower-case words with hyphens.
use std::{convert::Infallible, fmt, str::FromStr};

use deunicode::deunicode;
use poem_openapi::registry::MetaSchema;

use super::scalar::string_scalar;

/// The name of a resource in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(pub String);

impl FromStr for Slug {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Slug(text.to_owned()))
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_scalar!([] Slug, "slug", MetaSchema {
    pattern: Some("^[a-z0-9]+(-[a-z0-9]+)*$".to_owned()),
    min_length: Some(1),
    max_length: Some(120),
    example: Some("a-joint-that-fits".into()),
    ..MetaSchema::new("string")
});

/// The maximum length of a slug derived from a title. A numeric suffix may follow.
const MAX_DERIVED: usize = 100;

/// Converts text to lower-case ASCII words with hyphens, or returns `fallback` if it has no letter or digit.
pub fn slugify(text: &str, fallback: &str) -> String {
    let plain = deunicode(text).to_lowercase();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        let available = MAX_DERIVED.saturating_sub(slug.len() + usize::from(!slug.is_empty()));
        if available < word.len() && !slug.is_empty() {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(&word[..word.len().min(MAX_DERIVED)]);
    }
    if slug.is_empty() { fallback.to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::slugify;

    #[test]
    fn converts_titles_to_slugs() {
        for (title, slug) in [
            ("Announcing Rust 1.88.0", "announcing-rust-1-88-0"),
            ("  Über große   Füße!  ", "uber-grosse-fusse"),
            ("日本語", "ri-ben-yu"),
            ("¿?", "post"),
        ] {
            assert_eq!(slugify(title, "post"), slug);
        }
        assert_eq!(slugify(&"word ".repeat(60), "post").len(), 99);
        assert_eq!(slugify(&"x".repeat(300), "post").len(), 100);
    }
}
