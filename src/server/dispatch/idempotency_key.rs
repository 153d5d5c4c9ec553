//! The value of `Idempotency-Key`.

/// Returns the key of a header value. The draft of the header (draft-ietf-httpapi-idempotency-key-header) defines a string of
/// structured fields (RFC 9651, section 3.3.3): `"k"`. Most clients send `k`. Both are the same key. A value that is no such
/// string is the key itself.
pub fn normalize(value: String) -> String {
    match unquote(&value) {
        Some(key) => key,
        None => value,
    }
}

fn unquote(value: &str) -> Option<String> {
    let inner = value.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.is_empty())?;
    let mut key = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => key.push(characters.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            other => key.push(other),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_string_and_its_content_are_one_key() {
        for (value, key) in [
            ("k", "k"),
            ("\"k\"", "k"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            // No strings of structured fields.
            ("\"", "\""),
            ("\"\"", "\"\""),
            ("\"k", "\"k"),
            ("k\"", "k\""),
            ("\"a\"b\"", "\"a\"b\""),
            (r#""k\""#, r#""k\""#),
            (r#""\k""#, r#""\k""#),
            ("\"k\";a=1", "\"k\";a=1"),
        ] {
            assert_eq!(normalize(value.to_owned()), key, "{value}");
        }
    }
}
