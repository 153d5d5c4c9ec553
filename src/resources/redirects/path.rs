//! Paths in one spelling, so that all requests for a path find the same rule, and the patterns that rules
//! match them with.
use std::{borrow::Cow, sync::LazyLock};

use super::{
    glob::{self, Glob},
    others::is_others,
};

/// The most characters of a source or a destination.
pub const MAX: usize = 1000;
/// The most slashes of a prefix or a wildcard.
pub const DEEPEST: usize = 16;
/// The most `*` of a pattern.
pub const STARS: usize = 5;

/// The path with every escape undone that does not change its meaning, and without a slash at its end; none
/// if it is no text.
pub fn canonical(path: &str) -> Option<Cow<'_, str>> {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    // Without a way out in the middle this looks at many bytes at once.
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
            // An escaped slash or star is not the one that divides or takes.
            b'/' | b'*' if byte == b'%' => bytes.extend(format!("%{value:02X}").bytes()),
            plain => bytes.push(plain),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Text in the form in which a header field or an address carries it (RFC 3986, 2.1); escapes stay.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape(&mut escaped, text);
    escaped
}

/// Adds text in that form.
pub fn escape(to: &mut String, text: &str) {
    if text.bytes().fold(true, |plain, byte| plain & carried(byte)) {
        return to.push_str(text);
    }
    for byte in text.bytes() {
        match carried(byte) {
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

fn carried(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e)
        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Whether some segment is `.` or `..`, which browsers take away.
pub fn has_dots(path: &str) -> bool {
    path.contains('.') && path.split('/').any(|segment| segment == "." || segment == "..")
}

/// How a rule matches. Exact ones win over prefixes, long prefixes over short ones, and those over wildcards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Exact,
    Prefix,
    Wildcard,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Exact => "exact",
            Kind::Prefix => "prefix",
            Kind::Wildcard => "wildcard",
        }
    }
}

/// What a rule matches: a path, a path with all that is below it, or a path with `*` in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    pub kind: Kind,
    /// In canonical spelling; without the `/*` of a prefix.
    pub path: String,
}

impl Pattern {
    /// Reads `/a`, `/a/*` or `/a/*/b`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pattern, &'static str> {
        if !text.starts_with('/') {
            return Err("must begin with a slash");
        }
        if text.chars().count() > MAX {
            return Err("must be at most 1000 characters long");
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#')) {
            return Err("must be a path, without query, fragment, backslash and control characters");
        }
        let path = canonical(text).ok_or("has an escape that stands for no text")?.into_owned();
        if path.contains("//") || has_dots(&path) {
            return Err("must not have empty segments, `.` or `..`");
        }
        let stars = path.matches('*').count();
        let pattern = match path.strip_suffix("/*") {
            _ if stars == 0 => Pattern { kind: Kind::Exact, path },
            Some(above) if stars == 1 => Pattern { kind: Kind::Prefix, path: above.to_owned() },
            _ if stars > STARS => return Err("must have at most 5 `*`"),
            _ if path.contains("**") => return Err("must not have two `*` side by side"),
            _ => Pattern { kind: Kind::Wildcard, path },
        };
        if pattern.kind != Kind::Exact && pattern.path.matches('/').count() >= DEEPEST {
            return Err("must have less than 16 slashes before or around its `*`");
        }
        match pattern.shadows() || is_others(&pattern.path) {
            true => {
                Err("would shadow what keeps the service working or is others' business: /livez, /readyz, \
                 /openapi.*, /.well-known, /api/auth, /api/me, /api/users, /api/api-keys, \
                 /api/events, /api/health, /api/jobs, /api/redirects, /api/rates, /api/upstreams, /api/v1/invoices, /api/v2, \
                 /api/webhook-deliveries, /api/webhook-endpoints, /api/webhook-events and /api/webhooks")
            }
            false => Ok(pattern),
        }
    }

    /// Reads a pattern back from its columns.
    pub fn stored(kind: &str, path: String) -> Pattern {
        let kind = match kind {
            "prefix" => Kind::Prefix,
            "wildcard" => Kind::Wildcard,
            _ => Kind::Exact,
        };
        Pattern { kind, path }
    }

    /// The pattern as it is written.
    pub fn text(&self) -> String {
        match self.kind {
            Kind::Prefix => format!("{}/*", self.path),
            _ => self.path.clone(),
        }
    }

    /// The pattern with hyphens for slashes; not unique.
    pub fn key_form(&self) -> String {
        self.text().replace('/', "-")
    }

    /// The folder in which everything lies that it matches.
    pub fn folder(&self) -> &str {
        let head = self.path.split('*').next().unwrap_or_default();
        head.rfind('/').map_or("", |slash| &head[..slash])
    }

    /// How many parts of a path it takes.
    pub fn stars(&self) -> usize {
        match self.kind {
            Kind::Exact => 0,
            Kind::Prefix => 1,
            Kind::Wildcard => self.path.matches('*').count(),
        }
    }

    /// Whether this `*` takes everything that is left, slashes and all.
    pub fn takes_rest(&self, star: usize) -> bool {
        match self.kind {
            Kind::Exact => false,
            Kind::Prefix => true,
            Kind::Wildcard => star + 1 == self.stars() && self.path.ends_with("/*"),
        }
    }

    fn shadows(&self) -> bool {
        if self.kind == Kind::Exact {
            return vital(&self.path);
        }
        let own = glob::of_pattern(self);
        KEPT.iter().any(|kept| own.iter().any(|own| own.meets(kept)))
    }
}

/// What must stay reachable whatever the rules say; with what begins with it, where that is true.
const VITAL: [(&str, bool); 9] = [
    ("/livez", false),
    ("/readyz", false),
    ("/openapi.json", false),
    ("/openapi.yaml", false),
    ("/openapi-3.0.json", false),
    ("/api/redirects", false),
    ("/api/redirects/", true),
    ("/api/auth", false),
    ("/api/auth/", true),
];

static KEPT: LazyLock<Vec<Glob>> = LazyLock::new(|| {
    let region = |(path, below): &(&str, bool)| {
        let mut region = Glob::new();
        region.text(path);
        if *below {
            region.gap(true);
        }
        region
    };
    VITAL.iter().map(region).collect()
});

/// Whether a path is one of those that no rule may touch.
pub fn vital(path: &str) -> bool {
    VITAL.iter().any(|(vital, below)| if *below { path.starts_with(vital) } else { path == *vital })
}

/// The pattern that the key of a rule names: a path, or the key form with hyphens for slashes.
#[derive(Debug, PartialEq, Eq)]
pub enum Key {
    Path(String),
    /// The key form, and the path that it stands for when every hyphen is a slash.
    Form(String, String),
}

impl Key {
    pub fn read(text: &str) -> Key {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match text.as_bytes().first() {
            Some(b'/') => Key::Path(text.to_owned()),
            Some(b'-') if text.chars().all(plain) => {
                // A slash at the end of a path is no part of it.
                let form = text.strip_suffix('-').filter(|form| !form.is_empty()).unwrap_or(text);
                Key::Form(form.to_owned(), form.replace('-', "/"))
            }
            _ => Key::Path(format!("/{text}")),
        }
    }

    /// The path that is meant where there is no rule yet.
    pub fn path(&self) -> &str {
        match self {
            Key::Path(path) | Key::Form(_, path) => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one_path() {
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
            assert_eq!(canonical(&again).as_deref(), Some(path), "{sent} goes round");
        }
        for wrong in ["/%", "/%4", "/%zz", "/%ff", "/%C3"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_pattern_says_its_kind() {
        for (text, kind, path) in [
            ("/", Kind::Exact, "/"),
            ("/old/", Kind::Exact, "/old"),
            ("/%C3%BCber", Kind::Exact, "/über"),
            ("/old/*", Kind::Prefix, "/old"),
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

    const UNFIT: [&str; 42] = [
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
        "/livez",
        "/readyz",
        "/readyz/",
        "/livez/*",
        "/*",
        "/api/*",
        "/api/*/x",
        "/api/auth",
        "/api/auth/login",
        "/api/%61uth/login",
        "/api/redirects",
        "/api/redirects/export",
        "/api/red*",
        "/openapi.json",
        "/openapi*",
        "/open*",
        "/*.json",
        "/*/redirects",
        "/*/auth/*",
        "/live*",
        "/l*z",
        "/.well-known/jwks.json",
        "/api/users",
        "/api/api-keys/x",
        "/api/v2/*",
        "/api/webhooks/stripe",
        "/api/webhook-events",
        "/api/v2/invoices/en-us",
    ];

    #[test]
    fn what_is_no_path_or_shadows_the_service_is_refused() {
        for text in UNFIT {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        for text in [
            "/api/posts",
            "/api/v1/revenues",
            "/livez2",
            "/lives",
            "/api/authors",
            "/blog/*.html",
            "/swagger",
        ] {
            assert!(Pattern::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn keys_are_paths_or_hyphens() {
        for (text, path) in [
            ("old/page", "/old/page"),
            ("/old/page", "/old/page"),
            ("-api-v1-revenues", "/api/v1/revenues"),
            ("/-api-v1", "/-api-v1"),
            ("-", "/"),
            ("-a.b", "/-a.b"),
            ("a-b", "/a-b"),
        ] {
            assert_eq!(Key::read(text).path(), path, "{text}");
        }
    }
}
