//! What a pattern asks for, said to a person: an expression is for machines.

use super::violation::one_of;

/// The patterns of the document and what they ask for, as a sentence that begins with a value.
const WORDS: &[(&str, &str)] = &[
    (r"^[^\u0000]*$", "must not contain the character U+0000"),
    (
        r"^[^\u0000]*[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff][^\u0000]*$",
        "must not be blank",
    ),
    (
        LINE,
        "must not be blank, nor hold line breaks, control characters or characters that turn the direction of text",
    ),
    (r"^[A-Za-z0-9_-]+$", "must be letters, digits, `_` and `-`"),
    (r"^[A-Za-z0-9_.-]+$", "must be letters, digits, `_`, `.` and `-`"),
    (r"^[A-Za-z0-9._-]+$", "must be letters, digits, `_`, `.` and `-`"),
    (r"^[a-z0-9-]+$", "must be small letters, digits and `-`"),
    (r"^[a-z0-9]+(-[a-z0-9]+)*$", "must be small letters and digits, with single `-` between them"),
    (
        r"^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,9}$",
        "must be at most ten names of small letters, digits and single `-`, with `/` between them",
    ),
    (
        r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*(,[A-Za-z0-9]+(-[A-Za-z0-9]+)*)*$",
        "must be slugs with commas between them",
    ),
    (r"^[\u0020-\u007e]+$", "must be printable ASCII"),
    (r"^[\u0020-\u007e]*$", "must be printable ASCII"),
    (r"^[\u0021-\u007e]+$", "must be printable ASCII without spaces"),
    (
        r"^[\u0021-\u007e]([\u0020-\u007e]*[\u0021-\u007e])?$",
        "must be printable ASCII without spaces around it",
    ),
    (r"^[A-Z]{3}$", "must be three capital letters, such as EUR"),
    (r"^[a-z]{2}(-[a-z]{2})?$", "must be a language, or a language and a country, such as fr or en-us"),
    (r"^[a-z]{2}(-[A-Z]{2})?$", "must be a language, or a language and a country, such as fr or en-US"),
    (r"^[!-?A-~]+@[!-?A-~]+$", "must be an e-mail address in ASCII"),
    (r"^https?://[^\u0000-\u0020]+$", "must be an address that begins with http:// or https://"),
    (r"^https?://[\u0021-\u007e]+$", "must be an address that begins with http:// or https://"),
    (
        r#"^https?://[A-Za-z0-9][^\u0000-\u0020"<>\\^`{|}]*$"#,
        "must be an address that begins with http:// or https:// and a host",
    ),
    (r"^(https?:/)?/[^\u0000-\u0020]+$", "must be an address with http:// or https://, or a path"),
    (
        PICTURE,
        "must be an address that begins with http:// or https:// and a host, or a path that begins with one /",
    ),
    (r"^/[^\u0000-\u001f?#\\]*$", "must be a path that begins with /, without ? and #"),
    (r"^[^\u0000-\u001f?#\\]+$", "must be a path without ? and #"),
    (SEGMENTS, "must be a path of unescaped segments with single `/` between them, without % and ;"),
    (ENCODED, "must be a query as it stands in an address, with everything else percent-encoded"),
    (POINTER, "must be a JSON Pointer, such as /current/0/name"),
    (r"^[^\u0000-\u0020\\]+$", "must not contain spaces, control characters or backslashes"),
    (r"^/[\u0021-\u007e]*$", "must be a path that begins with /"),
    (r"^/api/posts/[A-Za-z0-9_?=.-]+$", "must be the address of a post"),
    (r"^[0-9]+([.][0-9]+)?$", "must be a decimal number"),
    (r"^[0-9]+$", "must be digits"),
    (r"^[a-z]+(\.[a-z]+)+$", "must be words of small letters with `.` between them"),
    (r"^@[0-9]+$", "must be @ and a number of seconds"),
    (r"^[0-9]{4}-(0[1-9]|1[0-2])$", "must be a month, such as 2026-11"),
    (r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$", "must be a month from 1900-01 to 2199-12, such as 2026-11"),
    (
        r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "must be a day from 1900-01-01 to 2199-12-31, such as 2026-11-21",
    ),
    (r#"^(W/)?"[\u0021\u0023-\u007e]*"$"#, "must be an entity tag in quotes"),
    (r#"^"[\u0021\u0023-\u007e]*"$"#, "must be a strong entity tag in quotes"),
    (r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", "must be a token of three parts"),
    (r"^whsec_[A-Za-z0-9+/]{43}=$", "must be the secret of a webhook endpoint"),
    (r"^[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the name of a picture's bytes, such as 7d0f….jpg"),
    (r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the path of a picture"),
    (r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)\?[ -~]+$", "must be the path of a variant of a picture"),
    (
        r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?),(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$",
        "must be two numbers between 0 and 1 with a comma between them, such as 0.5,0.25",
    ),
    (
        r"^[^\u0000]*[^\u0000-\u0020./\\\u007f][^\u0000]*$",
        "must be a name of more than spaces, dots and slashes",
    ),
    (r"^bytes (\*|[0-9]+-[0-9]+)/[0-9]+$", "must be a range of bytes, such as bytes 0-1023/48213"),
    (r"^[0-9a-f]{64}$", "must be a SHA-256 in hexadecimal digits"),
    (r"^[!-~]+$", "must be printable ASCII without spaces"),
    (r"^tenon_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$", "must be an API key"),
    (r"^urn:request:[A-Za-z0-9._-]+$", "must be the name of a request"),
    (r"^sig$", "must be sig"),
    (r"^OKP$", "must be OKP"),
    (r"^EdDSA$", "must be EdDSA"),
    (r"^Ed25519$", "must be Ed25519"),
];

/// A name, on one line.
const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff]",
    r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$",
);

/// A picture, here or elsewhere.
const PICTURE: &str = concat!(
    r#"^(https?://[A-Za-z0-9][^\u0000-\u0020"<>\\^`{|}]*"#,
    r#"|/[^\u0000-\u0020"<>\\^`{|}/][^\u0000-\u0020"<>\\^`{|}]*)$"#,
);

/// A path and a query that go into an address as they are (RFC 3986, 3.3 and 3.4), and a place in a JSON value
/// (RFC 6901, 3).
const SEGMENTS: &str = r"^[A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*$";
const ENCODED: &str = r"^([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$";
const POINTER: &str = r"^(/([^\u0000/~]|~[01])*)*$";

/// What the pattern asks for.
pub fn words(pattern: &str) -> Option<String> {
    let known = WORDS.iter().find(|(known, _)| *known == pattern).map(|(_, words)| (*words).to_owned());
    known.or_else(|| listed(pattern))
}

/// Of names to choose from: `^-?(a|b)$` one of them, `^(a|b)(,(a|b)){0,3}$` several.
fn listed(pattern: &str) -> Option<String> {
    let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let signed = inner.starts_with("-?");
    let inner = inner.strip_prefix("-?").unwrap_or(inner);
    let (names, rest) = match inner.strip_prefix('(') {
        Some(inner) => inner.split_once(')')?,
        None => (inner, ""),
    };
    if names.is_empty() || !names.chars().all(|c| c.is_ascii_alphanumeric() || c == '|') {
        return None;
    }
    let several = match rest {
        "" => false,
        rest if rest.starts_with(&format!("(,{}({names})){{0,", if signed { "-?" } else { "" })) => true,
        _ => return None,
    };
    let all = one_of(names.split('|').collect::<Vec<_>>().iter());
    let which = if several { format!("names with commas between them, each {all}") } else { all };
    let falling = if signed { ", with `-` before it for falling" } else { "" };
    Some(format!("must be {which}{falling}"))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_to_choose_from_are_told() {
        for (pattern, told) in [
            ("^-?(date|number)$", "must be date or number, with `-` before it for falling"),
            ("^-?month$", "must be month, with `-` before it for falling"),
            ("^(a|b|c)(,(a|b|c)){0,2}$", "must be names with commas between them, each a, b or c"),
            (
                "^-?(a|b)(,-?(a|b)){0,1}$",
                "must be names with commas between them, each a or b, with `-` before it for falling",
            ),
        ] {
            assert_eq!(words(pattern).as_deref(), Some(told));
        }
        for strange in ["^(a|b)(,(a|c)){0,2}$", "^[a-z]+$", "abc", "^$"] {
            assert_eq!(words(strange), None, "{strange}");
        }
    }
}
