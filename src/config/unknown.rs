//! Detects names that are not settings, and suggests the setting with the most similar name.
use std::env;

use super::settings;

/// Returns a warning for each environment variable that begins with `TENON_` and is not a setting. This is
/// not an error, because other programs set such variables, such as Kubernetes for a service named `tenon`.
pub fn unknown_env_vars() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| unknown_env_var(&name)).collect()
}

pub(super) fn unknown_env_var(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("TENON_")?;
    let is_known = settings().any(|setting| setting.key.to_uppercase() == name);
    if is_known || matches!(variable, "TENON_CONFIG" | "TENON_TEST_DATABASE") {
        return None;
    }
    let hint = suggestion(&name.to_lowercase());
    let hint = hint.map(|key| format!("; did you mean TENON_{}?", key.to_uppercase()));
    Some(format!("{variable} is not a setting and is ignored{}", hint.unwrap_or_default()))
}

/// Returns the setting with the most similar key. The edit distance is at most 2, and less than half of the
/// length of the key.
pub(super) fn suggestion(key: &str) -> Option<&'static str> {
    let (distance, known) = settings().map(|setting| (edit_distance(key, setting.key), setting.key)).min()?;
    (distance <= 2 && distance * 2 < known.len()).then_some(known)
}

/// Returns the Levenshtein distance: the minimum number of characters to insert, delete or replace.
fn edit_distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, with) in other.iter().enumerate() {
            let replaced = corner + usize::from(letter != *with);
            corner = row[j + 1];
            row[j + 1] = replaced.min(corner + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
