//! Text as it is kept and as it is searched.
use deunicode::deunicode;

/// Control characters and white space around a line are no part of it.
pub fn trimmed(text: &str) -> String {
    text.trim_matches(|c: char| c <= '\u{20}').to_owned()
}

/// Text without case and accents, so that all databases find the same by it. What a pattern could mean
/// something else by is a space.
pub fn folded(text: &str) -> String {
    deunicode(text).to_lowercase().replace(['%', '_', '\\'], " ")
}
