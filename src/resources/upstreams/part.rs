//! Parts of a JSON text, named by JSON Pointers (RFC 6901) and taken out as they stand there: no number is rounded
//! on its way.
use std::collections::HashMap;

use serde_json::value::RawValue;

/// The part that the pointer names, if there is one.
pub fn part<'a>(whole: &'a RawValue, pointer: &str) -> Option<&'a RawValue> {
    pointer.split('/').skip(1).try_fold(whole, |within, token| {
        let text = within.get();
        match text.as_bytes().first()? {
            b'{' => {
                let name = token.replace("~1", "/").replace("~0", "~");
                serde_json::from_str::<HashMap<String, &RawValue>>(text).ok()?.remove(&name)
            }
            b'[' => {
                let place = index(token)?;
                serde_json::from_str::<Vec<&RawValue>>(text).ok()?.get(place).copied()
            }
            _ => None,
        }
    })
}

/// Digits without a zero before them.
fn index(token: &str) -> Option<usize> {
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = digits && (token == "0" || !token.starts_with('0'));
    canonical.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_they_stand() {
        // The members of RFC 6901, 5, and some more.
        let text = r#" {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, " ": 7, "m~n": 8,
            "k\u0022l": 6, "deep": [{"x": 1.50, "big": 12345678901234567890123}], "~1": 9} "#;
        let whole: &RawValue = serde_json::from_str(text).expect("JSON");
        assert_eq!(part(whole, "").map(RawValue::get), Some(text.trim()));
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
            assert_eq!(part(whole, pointer).map(RawValue::get), Some(found), "{pointer}");
        }
        for pointer in ["/bar", "/foo/2", "/foo/01", "/foo/-", "/foo/+1", "/foo/0/x", "//", "/foo/"] {
            assert!(part(whole, pointer).is_none(), "{pointer}");
        }
    }
}
