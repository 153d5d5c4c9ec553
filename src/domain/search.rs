//! Normalization of text for search.
use deunicode::deunicode;

/// Folds case and removes accents. Searching folded text gives the same results in all databases.
pub fn search_key(text: &str) -> String {
    deunicode(text).to_lowercase()
}
