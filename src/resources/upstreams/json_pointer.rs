//! JSON Pointers (RFC 6901) on raw JSON text. The selected part is returned unchanged, so no number is
//! rounded.
use std::collections::HashMap;

use serde_json::value::RawValue;

/// Returns the part that the pointer selects, if it exists.
pub fn select<'a>(json: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    pointer.split('/').skip(1).try_fold(json, |current, token| {
        let text = current.get();
        match text.as_bytes().first()? {
            b'{' => {
                let name = token.replace("~1", "/").replace("~0", "~");
                serde_json::from_str::<HashMap<String, &RawValue>>(text).ok()?.remove(&name)
            }
            b'[' => {
                let index = index(token)?;
                serde_json::from_str::<Vec<&RawValue>>(text).ok()?.get(index).copied()
            }
            _ => None,
        }
    })
}

/// Parses an array index: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (token == "0" || !token.starts_with('0'));
    canonical.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn select_returns_the_raw_text() {
        // The example of RFC 6901, section 5, with additions.
        let text = r#" {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8,
            "k\u0022l": 6, "deep": [{"x": 1.50, "big": 12345678901234567890123}], "~1": 9} "#;
        let json: &RawValue = serde_json::from_str(text).expect("JSON");
        assert_eq!(select(json, "").map(RawValue::get), Some(text.trim()));
        for (pointer, found) in [
            ("/foo", r#"["bar", "baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
            ("/~01", "9"),
            ("/deep/0/x", "1.50"),
            ("/deep/0/big", "12345678901234567890123"),
        ] {
            assert_eq!(select(json, pointer).map(RawValue::get), Some(found), "{pointer}");
        }
        for pointer in ["/bar", "/foo/2", "/foo/01", "/foo/-", "/foo/+1", "/foo/0/x", "//", "/foo/"] {
            assert!(select(json, pointer).is_none(), "{pointer}");
        }
    }
}
