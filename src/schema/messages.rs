//! Messages for patterns: a sentence instead of a regular expression.

use super::violation::join_or;
use crate::domain::pattern;

/// Returns the message for values that do not match `pattern`, if it is a known pattern or a list of names.
pub fn pattern_message(pattern: &str) -> Option<String> {
    let known = pattern::ALL.iter().find(|known| known.regex == pattern);
    known.map(|known| known.message.to_owned()).or_else(|| names_message(pattern))
}

/// Returns the message for a pattern of `names_pattern`.
fn names_message(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let signed = inner.starts_with("-?");
    let unsigned_list = inner.strip_prefix("((").and_then(|rest| rest.split_once(r"),?\b){1,"));
    let (names, rest) = match (unsigned_list, inner.strip_prefix("-?").unwrap_or(inner)) {
        (Some((names, _)), _) => (names, ",list"),
        (None, inner) => match inner.strip_prefix('(') {
            Some(inner) => inner.split_once(')')?,
            None => (inner, ""),
        },
    };
    if names.is_empty() || !names.chars().all(|c| c.is_ascii_alphanumeric() || c == '|') {
        return None;
    }
    let is_list = match rest {
        "" => false,
        ",list" => true,
        rest if rest.starts_with(&format!("(,-?({names})){{0,")) => true,
        _ => return None,
    };
    let all = join_or(names.split('|').collect::<Vec<_>>().iter());
    let expected = if is_list { format!("a comma-separated list of {all}") } else { all };
    let descending = if signed { ", with the prefix `-` for descending order" } else { "" };
    Some(format!("must be {expected}{descending}"))
}

#[cfg(test)]
mod tests {
    use super::pattern_message;

    #[test]
    fn describes_patterns_of_names() {
        for (pattern, message) in [
            ("^-?(date|number)$", "must be date or number, with the prefix `-` for descending order"),
            ("^-?month$", "must be month, with the prefix `-` for descending order"),
            (r"^((a|b|c),?\b){1,3}$", "must be a comma-separated list of a, b or c"),
            (
                "^-?(a|b)(,-?(a|b)){0,1}$",
                "must be a comma-separated list of a or b, with the prefix `-` for descending order",
            ),
        ] {
            assert_eq!(pattern_message(pattern).as_deref(), Some(message));
        }
        for other in ["^(a|b)(,(a|c)){0,2}$", "^[a-z]+$", "abc", "^$"] {
            assert_eq!(pattern_message(other), None, "{other}");
        }
    }
}
