//! Slugs: names in URLs, of lower-case words with hyphens.
use deunicode::deunicode;

use super::{pattern, text::text_type};

text_type! {
    /// The name of a resource in a URL, of at most `MAX` characters.
    pub struct Slug<const MAX: usize> {
        length: 1..=MAX,
        pattern: pattern::SLUG,
        example: "a-joint-that-fits",
    }

    /// A part of a slug, as the value of a filter.
    pub struct SlugPart {
        length: 1..=100,
        pattern: pattern::SLUG_PART,
        example: "join",
    }

    /// The path of a document in the tree: one to ten slugs, separated by slashes.
    pub struct SlugPath {
        length: 1..=500,
        pattern: pattern::SLUG_PATH,
        example: "guides/getting-started",
    }
}

/// The maximum length of a slug derived from a title. A numeric suffix may follow.
const MAX_DERIVED: usize = 100;

/// Converts text to lower-case ASCII words with hyphens, or returns `fallback` if it has no letter or digit.
/// Words beyond the maximum length are omitted; only the first word can be truncated.
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
