//! Messages for patterns: a sentence instead of a regular expression.

use super::violation::join_or;

/// The patterns of the OpenAPI document and their messages.
const MESSAGES: &[(&str, &str)] = &[
    (r"^[^\u0000]*$", "must not contain the character U+0000"),
    (
        r"^[^\u0000]*[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff][^\u0000]*$",
        "must not be blank",
    ),
    (
        LINE,
        "must not be blank or contain line breaks, control characters or bidirectional formatting characters",
    ),
    (r"^[A-Za-z0-9_-]+$", "must contain only letters, digits, `_` and `-`"),
    (r"^[A-Za-z0-9_.-]+$", "must contain only letters, digits, `_`, `.` and `-`"),
    (r"^[A-Za-z0-9._-]+$", "must contain only letters, digits, `_`, `.` and `-`"),
    (r"^[a-z0-9-]+$", "must contain only lower-case letters, digits and `-`"),
    (
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        "must be lower-case letters and digits separated by single `-`, such as first-post",
    ),
    (r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", "must be the id or the slug of a post, such as first-post"),
    (
        r"^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,9}$",
        "must be 1 to 10 slugs separated by `/`, such as guides/first-steps",
    ),
    (
        r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*(,[A-Za-z0-9]+(-[A-Za-z0-9]+)*)*$",
        "must be a comma-separated list of slugs",
    ),
    (r"^[\u0020-\u007e]+$", "must be printable ASCII"),
    (r"^[\u0020-\u007e]*$", "must be printable ASCII"),
    (r"^[\u0021-\u007e]+$", "must be printable ASCII without spaces"),
    (
        r"^([!-~]([\t -~]*[!-~])?)?$",
        "must be printable ASCII and tabs, without leading or trailing white space",
    ),
    (r"^[A-Z]{3}$", "must be three capital letters, such as EUR"),
    (r"^[a-z]{2}(-[a-z]{2})?$", "must be a language with an optional country, such as fr or en-us"),
    (r"^[a-z]{2}(-[A-Z]{2})?$", "must be a language with an optional country, such as fr or en-US"),
    (r"^[!-?A-~]+@[!-?A-~]+$", "must be an e-mail address in ASCII"),
    (r"^https?://[^\u0000-\u0020]+$", "must be a URL that begins with http:// or https://"),
    (r"^https?://[\u0021-\u007e]+$", "must be a URL that begins with http:// or https://"),
    (
        r#"^https?://[A-Za-z0-9][^\u0000-\u0020"<>\\^`{|}]*$"#,
        "must be a URL that begins with http:// or https:// and a host",
    ),
    (
        r"^(https?:/)?/[^\u0000-\u0020]+$",
        "must be a URL that begins with http:// or https://, or a path that begins with /",
    ),
    (
        IMAGE,
        "must be a URL that begins with http:// or https:// and a host, or a path that begins with a single /",
    ),
    (r"^/[^\u0000-\u001f?#\\]*$", "must be a path that begins with /, without ? and #"),
    (r"^[^\u0000-\u001f?#\\]+$", "must be a path without ? and #"),
    (SEGMENTS, "must be path segments separated by single `/`, without % and ;"),
    (ENCODED, "must be a percent-encoded query string"),
    (POINTER, "must be a JSON Pointer, such as /current/0/name"),
    (r"^[^\u0000-\u0020\\]+$", "must not contain spaces, control characters or backslashes"),
    (r"^/[\u0021-\u007e]*$", "must be a path that begins with /"),
    (r"^/api/posts/[A-Za-z0-9_?=.-]+$", "must be the path of a post"),
    (r"^[0-9]+([.][0-9]+)?$", "must be a decimal number, such as 19.99"),
    (r"^[0-9]+$", "must contain only digits"),
    (r"^[a-z]+(\.[a-z]+)+$", "must be lower-case names separated by `.`, such as post.published"),
    (r"^@[0-9]+$", "must be `@` and a Unix time in seconds"),
    (r"^[0-9]{4}-(0[1-9]|1[0-2])$", "must be a month, such as 2026-11"),
    (r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$", "must be a month from 1900-01 to 2199-12, such as 2026-11"),
    (
        r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "must be a date from 1900-01-01 to 2199-12-31, such as 2026-11-21",
    ),
    (r#"^(W/)?"[\u0021\u0023-\u007e]*"$"#, "must be an entity tag in quotes"),
    (r#"^"[\u0021\u0023-\u007e]*"$"#, "must be a strong entity tag in quotes"),
    (r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", "must be a JWT: three parts separated by `.`"),
    (r"^whsec_[A-Za-z0-9+/]{43}=$", "must be the secret of a webhook endpoint"),
    (r"^[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the file name of an image, such as 7d0f….jpg"),
    (r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the path of an image"),
    (r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)\?[ -~]+$", "must be the path of an image variant"),
    (
        r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?),(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$",
        "must be two numbers from 0 to 1 separated by a comma, such as 0.5,0.25",
    ),
    (
        r"^[^\u0000]*[^\u0000-\u0020./\\\u007f][^\u0000]*$",
        "must contain a character other than spaces, dots and slashes",
    ),
    (r"^bytes (\*|[0-9]+-[0-9]+)/[0-9]+$", "must be a byte range, such as bytes 0-1023/48213"),
    (r"^[0-9a-f]{64}$", "must be a SHA-256 digest in hexadecimal"),
    (r"^[!-~]+$", "must be printable ASCII without spaces"),
    (r"^tenon_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$", "must be an API key"),
    (r"^urn:request:[A-Za-z0-9._-]+$", "must be the URN of a request"),
    (r"^sig$", "must be sig"),
    (r"^OKP$", "must be OKP"),
    (r"^EdDSA$", "must be EdDSA"),
    (r"^Ed25519$", "must be Ed25519"),
];

/// A single line of text that is not blank.
const LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*",
    r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\ufeff]",
    r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*$",
);

/// The URL or path of an image.
const IMAGE: &str = concat!(
    r#"^(https?://[A-Za-z0-9][^\u0000-\u0020"<>\\^`{|}]*"#,
    r#"|/[^\u0000-\u0020"<>\\^`{|}/][^\u0000-\u0020"<>\\^`{|}]*)$"#,
);

/// A path and a query that are used in a URL unchanged (RFC 3986, sections 3.3 and 3.4), and a JSON Pointer
/// (RFC 6901, section 3).
const SEGMENTS: &str = r"^[A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*$";
const ENCODED: &str = r"^([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$";
const POINTER: &str = r"^(/([^\u0000/~]|~[01])*)*$";

/// Returns the message for values that do not match `pattern`, if it is a known pattern or a list of names.
pub fn pattern_message(pattern: &str) -> Option<String> {
    let known = MESSAGES.iter().find(|(known, _)| *known == pattern).map(|(_, text)| (*text).to_owned());
    known.or_else(|| names_message(pattern))
}

/// Returns the message for a pattern of fixed names: `^-?(a|b)$` is one name, `^(a|b)(,(a|b)){0,3}$` a list.
fn names_message(pattern: &str) -> Option<String> {
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
    let is_list = match rest {
        "" => false,
        rest if rest.starts_with(&format!("(,{}({names})){{0,", if signed { "-?" } else { "" })) => true,
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
            ("^(a|b|c)(,(a|b|c)){0,2}$", "must be a comma-separated list of a, b or c"),
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
