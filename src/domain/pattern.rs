//! Patterns: the regular expressions of the OpenAPI document, each with its message.
//!
//! Patterns are short and portable: ASCII without control characters, Unicode escapes or look-around, with the same
//! meaning in ECMAScript, Python, Java, RE2 and Rust. A `format` checks what a pattern cannot express.

/// A regular expression and the message for values that do not match it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    pub regex: &'static str,
    pub message: &'static str,
}

macro_rules! patterns {
    ($($(#[doc = $doc:literal])* $name:ident = $regex:literal, $message:literal;)*) => {
        $($(#[doc = $doc])* pub const $name: Pattern = Pattern { regex: $regex, message: $message };)*

        /// All patterns.
        pub const ALL: &[Pattern] = &[$($name),*];
    };
}

patterns! {
    /// A text that is not blank. The format is `text`.
    NOT_BLANK = r"^[\s\S]*\S[\s\S]*$", "must not be blank";
    /// A single line that is not blank. The format is `line`.
    LINE = r"^.*\S.*$",
        "must not be blank or contain line breaks, control characters or bidirectional formatting characters";

    PRINTABLE = r"^[ -~]+$", "must be printable ASCII";
    PRINTABLE_OR_EMPTY = r"^[ -~]*$", "must be printable ASCII";
    NO_SPACES = r"^[!-~]+$", "must be printable ASCII without spaces";
    BASE64URL = r"^[A-Za-z0-9_-]+$", "must contain only letters, digits, `_` and `-`";
    TOKEN = r"^[A-Za-z0-9_.-]+$", "must contain only letters, digits, `_`, `.` and `-`";
    DIGITS = r"^[0-9]+$", "must contain only digits";
    DECIMAL = r"^[0-9]+([.][0-9]+)?$", "must be a decimal number, such as 19.99";
    SHA256 = r"^[0-9a-f]{64}$", "must be a SHA-256 digest in hexadecimal";

    SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$",
        "must be lower-case letters and digits separated by single `-`, such as first-post";
    SLUG_PART = r"^[a-z0-9-]+$", "must contain only lower-case letters, digits and `-`";
    SLUG_PATH = r"^[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*){0,9}$",
        "must be 1 to 10 slugs separated by `/`, such as guides/first-steps";
    SLUGS = r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*(,[A-Za-z0-9]+(-[A-Za-z0-9]+)*)*$",
        "must be a comma-separated list of slugs";
    ID_OR_SLUG = r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", "must be the id or the slug of a post, such as first-post";
    DOTTED_NAME = r"^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+$",
        "must be lower-case names separated by `.`, such as post.published";

    EMAIL = r"^[!-?A-~]+@[!-?A-~]+$", "must be an e-mail address in ASCII";
    /// The format is `web-url`.
    WEB_URL = r"^https?://[A-Za-z0-9]\S*$", "must be a URL that begins with http:// or https:// and a host";
    ASCII_URL = r"^https?://[!-~]+$", "must be a URL that begins with http:// or https://";
    /// The URL or the path of an image. The format is `web-url`.
    MEDIA_URL = r"^(https?://[A-Za-z0-9]|/[^/\\\s])\S*$",
        "must be a URL that begins with http:// or https:// and a host, or a path that begins with a single /";
    ABSOLUTE_PATH = r"^/[!-~]*$", "must be a path that begins with /";
    /// The source path of a redirect rule. The format is `no-controls`.
    REDIRECT_SOURCE = r"^(/|[Hh][Tt][Tt][Pp][Ss]?://)[^#\\]*$",
        "must begin with /, http:// or https://, without # and backslashes";
    /// A path parameter that identifies a redirect rule: its source, or the source with hyphens for slashes.
    /// The format is `no-controls`.
    REDIRECT_KEY = r"^[^#\\]+$", "must be a source without #";
    /// The target of a redirect rule. The format is `no-controls`.
    REDIRECT_TARGET = r"^[^ \\]+$", "must not contain spaces, control characters or backslashes";
    /// A path that is used in a URL unchanged (RFC 3986, section 3.3).
    URL_SEGMENTS = r"^[A-Za-z0-9._~!$&'()*+,=:@-]+(/[A-Za-z0-9._~!$&'()*+,=:@-]+)*$",
        "must be path segments separated by single `/`, without % and ;";
    /// A query that is used in a URL unchanged (RFC 3986, section 3.4).
    URL_QUERY = r"^([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$",
        "must be a percent-encoded query string";
    /// RFC 6901, section 3.
    JSON_POINTER = r"^(/([^/~]|~[01])*)*$", "must be a JSON Pointer, such as /current/0/name";

    CURRENCY = r"^[A-Z]{3}$", "must be three capital letters, such as EUR";
    LOCALE = r"^[a-z]{2}(-[a-z]{2})?$", "must be a language with an optional country, such as fr or en-us";
    LANGUAGE_TAG = r"^[a-z]{2}(-[A-Z]{2})?$",
        "must be a language with an optional country, such as fr or en-US";
    MONTH = r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])$",
        "must be a month from 1900-01 to 2199-12, such as 2026-11";
    DATE = r"^(19|2[01])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "must be a date from 1900-01-01 to 2199-12-31, such as 2026-11-21";
    UNIX_TIME = r"^@[0-9]+$", "must be `@` and a Unix time in seconds";

    ENTITY_TAG = r#"^(W/)?"[!#-~]*"$"#, "must be an entity tag in quotes";
    STRONG_ENTITY_TAG = r#"^"[!#-~]*"$"#, "must be a strong entity tag in quotes";
    ENTITY_TAGS = r"^([!-~]([\t -~]*[!-~])?)?$",
        "must be printable ASCII and tabs, without leading or trailing white space";
    HEADER_VALUE = r"^[!-~]([ -~]*[!-~])?$", "must be printable ASCII, without leading or trailing spaces";
    CONTENT_RANGE = r"^bytes (\*|[0-9]+-[0-9]+)/[0-9]+$", "must be a byte range, such as bytes 0-1023/48213";
    REQUEST_URN = r"^urn:request:[A-Za-z0-9._-]+$", "must be the URN of a request";

    PREVIEW_PATH = r"^/api/posts/[A-Za-z0-9_?=.-]+$", "must be the path of a post";
    /// The name of an uploaded file. The format is `file-name`.
    FILE_NAME = r"^[\s\S]*[^ ./\\][\s\S]*$", "must contain a character other than spaces, dots and slashes";
    IMAGE_FILE = r"^[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the file name of an image, such as 7d0f….jpg";
    IMAGE_PATH = r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)$", "must be the path of an image";
    VARIANT_PATH = r"^/media/[0-9a-f]{32}\.(jpg|png|webp|gif)(\?[ -~]+)?$", "must be the path of an image variant";
    HEX_COLOR = r"^#[0-9a-f]{6}$", "must be a color in hexadecimal, such as #8a5c3e";
    FOCAL_POINT = r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?),(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$",
        "must be two numbers from 0 to 1 separated by a comma, such as 0.5,0.25";

    API_KEY = r"^tenon_[0-9a-f]{32}_[A-Za-z0-9_-]{43}$", "must be an API key";
    WEBHOOK_SECRET = r"^whsec_[A-Za-z0-9+/]+={0,2}$", "must be `whsec_` and 24 to 64 bytes in base64";
    JWT = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", "must be a JWT: three parts separated by `.`";
}
