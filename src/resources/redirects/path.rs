//! Canonical paths, so that every spelling of a path finds the same rule, and the patterns of rule sources.
use std::borrow::Cow;

/// Exact patterns precede prefixes, long prefixes precede short ones, and prefixes precede wildcards.
pub use entity::redirect::RedirectKind as Kind;

/// Maximum number of characters of a source or a destination.
pub const MAX_LENGTH: usize = 1000;
/// Upper bound (exclusive) of the number of slashes in a prefix or a wildcard.
pub const MAX_DEPTH: usize = 16;
/// Maximum number of `*` in a pattern.
pub const MAX_STARS: usize = 5;

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
            false => {
                to.push('%');
                to.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
                );
            }
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

/// The source of a rule: one path, a path with everything below it, or a path with `*` in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pub kind: Kind,
    /// In canonical form, without the `/*` of a prefix.
    pub path: String,
}

impl Pattern {
    /// Parses `/a`, `/a/*` or `/a/*/b`. The error is the message of the violation.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        if !text.starts_with('/') {
            return Err("must begin with a slash, such as /old");
        }
        if text.chars().count() > MAX_LENGTH {
            return Err("must be at most 1000 characters");
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#')) {
            return Err("must be a path without a query, a fragment, backslashes and control characters");
        }
        let path =
            canonical(text).ok_or("must contain only escapes of valid UTF-8, such as %20")?.into_owned();
        if path.contains("//") || has_dot_segments(&path) {
            return Err("must not contain empty segments, `.` or `..`");
        }
        let stars = path.matches('*').count();
        let pattern = match path.strip_suffix("/*") {
            _ if stars == 0 => Pattern { kind: Kind::Exact, path },
            Some(above) if stars == 1 => Pattern { kind: Kind::Prefix, path: above.to_owned() },
            _ if stars > MAX_STARS => return Err("must contain at most 5 `*`"),
            _ if path.contains("**") => return Err("must not contain `**`"),
            _ => Pattern { kind: Kind::Wildcard, path },
        };
        if pattern.kind != Kind::Exact && pattern.path.matches('/').count() >= MAX_DEPTH {
            return Err("must contain fewer than 16 slashes if it contains `*`");
        }
        Ok(pattern)
    }

    /// Returns the pattern as clients write it.
    pub fn text(&self) -> String {
        match self.kind {
            Kind::Prefix => format!("{}/*", self.path),
            _ => self.path.clone(),
        }
    }

    /// Returns the pattern with hyphens for slashes. Several patterns may have the same key form.
    pub fn key_form(&self) -> String {
        self.text().replace('/', "-")
    }

    /// Returns the deepest folder that contains every path that the pattern matches.
    pub fn folder(&self) -> &str {
        let head = self.path.split('*').next().unwrap_or_default();
        head.rfind('/').map_or("", |slash| &head[..slash])
    }

    /// Returns the number of parts of a path that the pattern captures.
    pub fn stars(&self) -> usize {
        match self.kind {
            Kind::Exact => 0,
            Kind::Prefix => 1,
            Kind::Wildcard => self.path.matches('*').count(),
        }
    }

    /// Returns whether the `*` at this position matches the rest of the path, slashes included.
    pub fn matches_rest(&self, star: usize) -> bool {
        match self.kind {
            Kind::Exact => false,
            Kind::Prefix => true,
            Kind::Wildcard => star + 1 == self.stars() && self.path.ends_with("/*"),
        }
    }

    /// Returns a path that the pattern matches, with `capture` for each `*`.
    pub fn sample(&self, capture: &str) -> String {
        match self.kind {
            Kind::Prefix => format!("{}/{capture}", self.path),
            Kind::Exact | Kind::Wildcard => self.path.replace('*', capture),
        }
    }
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
        match text.as_bytes().first() {
            Some(b'/') => RuleKey::Path(text.to_owned()),
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
    fn parses_the_kind_of_a_pattern() {
        for (text, kind, path) in [
            ("/", Kind::Exact, "/"),
            ("/old/", Kind::Exact, "/old"),
            ("/%C3%BCber", Kind::Exact, "/über"),
            ("/old/*", Kind::Prefix, "/old"),
            ("/*", Kind::Prefix, ""),
            ("/old/*.html", Kind::Wildcard, "/old/*.html"),
            ("/*/old/*", Kind::Wildcard, "/*/old/*"),
            ("/old*", Kind::Wildcard, "/old*"),
        ] {
            let pattern = Pattern::parse(text);
            assert_eq!(pattern, Ok(Pattern { kind, path: path.to_owned() }), "{text}");
            let again = pattern.map(|pattern| pattern.text()).unwrap_or_default();
            assert_eq!(Pattern::parse(&again).map(|pattern| pattern.kind), Ok(kind));
        }
    }

    #[test]
    fn rejects_invalid_sources() {
        for text in [
            "",
            "old",
            "//old",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a?b=c",
            "/a#b",
            "/a\\b",
            "/a\u{7}",
            "/%ff",
            "/a/**",
            "/*1*2*3*4*5*6",
            "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/10/*",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_matches_its_sample() {
        for (text, sample) in [
            ("/", "/"),
            ("/old", "/old"),
            ("/*", "/x"),
            ("/old/*", "/old/x"),
            ("/a/*/by/*.html", "/a/x/by/x.html"),
        ] {
            let found = Pattern::parse(text).map(|pattern| pattern.sample("x"));
            assert_eq!(found.as_deref(), Ok(sample), "{text}");
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
        ] {
            assert_eq!(RuleKey::parse(text).path(), path, "{text}");
        }
    }
}
