//! Canonical paths, so that every spelling of a path finds the same rule, and the keys of rules in URLs.
use std::borrow::Cow;

/// Returns the path without a trailing slash and with every percent-encoded character decoded whose decoding
/// does not change the meaning of the path. Returns `None` for an invalid escape or invalid UTF-8.
pub fn canonical(path: &str) -> Option<Cow<'_, str>> {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    // A fold without an early exit lets the compiler check many bytes at once.
    if !path.bytes().fold(false, |odd, byte| odd | matches!(byte, b'%' | b'\\' | b'?' | b'#')) {
        return Some(Cow::Borrowed(path));
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let value = match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        };
        match value {
            b'%' | b'\\' | b'?' | b'#' | 0..=0x1f | 0x7f => bytes.extend(format!("%{value:02X}").bytes()),
            // An escaped slash is no separator, and an escaped star is no wildcard.
            b'/' | b'*' if byte == b'%' => bytes.extend(format!("%{value:02X}").bytes()),
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Percent-encodes text for a URL or a header (RFC 3986, section 2.1). Existing escapes stay unchanged.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape(&mut escaped, text);
    escaped
}

/// Appends percent-encoded text to `to`.
pub fn escape(to: &mut String, text: &str) {
    if text.bytes().fold(true, |plain, byte| plain & is_url_byte(byte)) {
        return to.push_str(text);
    }
    for byte in text.bytes() {
        match is_url_byte(byte) {
            true => to.push(char::from(byte)),
            false => push_escape(to, byte),
        }
    }
}

fn is_url_byte(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Returns whether a segment is `.` or `..`, which clients remove (RFC 3986, section 5.2.4).
pub fn has_dot_segments(path: &str) -> bool {
    path.contains('.') && path.split('/').any(|segment| segment == "." || segment == "..")
}

/// Appends text of any kind to a path segment, a query or a fragment: only characters without a meaning there
/// stay unchanged. `is_escaped` is whether the text is a part of a path, where `%` begins an escape.
pub fn escape_component(to: &mut String, text: &str, is_escaped: bool, keeps_slash: bool) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b':'
            | b'@'
            | b'!'
            | b'$' => {
                to.push(char::from(byte));
            }
            b'(' | b')' | b',' | b';' | b'*' => to.push(char::from(byte)),
            b'%' if is_escaped => to.push('%'),
            b'/' if keeps_slash => to.push('/'),
            other => push_escape(to, other),
        }
    }
}

fn push_escape(to: &mut String, byte: u8) {
    to.push('%');
    to.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])));
}

/// Decodes a name or a value of a query (`application/x-www-form-urlencoded`).
pub fn decode_query(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('+', " ");
    Cow::Owned(percent_decoded(&text))
}

/// Decodes percent-encoding once. Invalid escapes stay unchanged, and invalid UTF-8 is replaced.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let pair = bytes.get(i + 1..i + 3).filter(|_| bytes[i] == b'%');
        let value = pair.and_then(|pair| Some(hex(pair[0])? << 4 | hex(pair[1])?));
        decoded.push(value.unwrap_or(bytes[i]));
        i += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Returns the length of the name at the begin of the text: letters, digits and `_`, not beginning with a
/// digit; 0 if there is none.
pub fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// The key of a rule in a URL: its source, or its key form with hyphens for slashes.
#[derive(Debug, PartialEq, Eq)]
pub enum RuleKey {
    Path(String),
    /// The key form, and the path with a slash for every hyphen.
    Hyphenated(String, String),
}

impl RuleKey {
    pub fn parse(text: &str) -> RuleKey {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        match text.as_bytes().first() {
            // A reference without a scheme (RFC 3986, section 4.2): a source with `https://` applies to any scheme.
            Some(b'/') if text.starts_with("//") => RuleKey::Path(format!("https:{text}")),
            Some(b'/') => RuleKey::Path(text.to_owned()),
            Some(_) if lower.starts_with("http://") || lower.starts_with("https://") => {
                RuleKey::Path(text.to_owned())
            }
            Some(b'-') if text.chars().all(plain) => {
                // A canonical path has no trailing slash.
                let form = text.strip_suffix('-').filter(|form| !form.is_empty()).unwrap_or(text);
                RuleKey::Hyphenated(form.to_owned(), form.replace('-', "/"))
            }
            _ => RuleKey::Path(format!("/{text}")),
        }
    }

    /// Returns the path of a rule that does not exist yet.
    pub fn path(&self) -> &str {
        match self {
            RuleKey::Path(path) | RuleKey::Hyphenated(_, path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_the_same_canonical_path() {
        for (sent, path) in [
            ("/", "/"),
            ("/old", "/old"),
            ("/old/", "/old"),
            ("/%6fld", "/old"),
            ("/%C3%BCber", "/über"),
            ("/über", "/über"),
            ("/a%20b", "/a b"),
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/100%25", "/100%25"),
            ("/a\\b", "/a%5Cb"),
            ("/a%3fb", "/a%3Fb"),
            ("/a%09b", "/a%09b"),
            ("/a%2ab", "/a%2Ab"),
        ] {
            assert_eq!(canonical(sent).as_deref(), Some(path), "{sent}");
            assert_eq!(canonical(path).as_deref(), Some(path), "{path} is canonical");
            let again = escaped(path);
            assert_eq!(canonical(&again).as_deref(), Some(path), "{sent}");
        }
        for wrong in ["/%", "/%4", "/%zz", "/%ff", "/%C3"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_a_path_or_a_key_form() {
        for (text, path) in [
            ("old/page", "/old/page"),
            ("/old/page", "/old/page"),
            ("-api-v1-revenues", "/api/v1/revenues"),
            ("/-api-v1", "/-api-v1"),
            ("-", "/"),
            ("-a.b", "/-a.b"),
            ("a-b", "/a-b"),
            ("//old.acme.test/a", "https://old.acme.test/a"),
            ("HTTPS://old.acme.test/a", "HTTPS://old.acme.test/a"),
        ] {
            assert_eq!(RuleKey::parse(text).path(), path, "{text}");
        }
    }
}
