//! Validates the head of an HTTP/1 request before hyper parses it.
//!
//! hyper accepts forms that other parsers read differently. Strict validation prevents request smuggling
//! behind a proxy.
use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};
use poem::http::{Uri, uri::Authority};

use super::limits::Limits;
use crate::http::{body_error::BodyError, problem_code::ProblemCode};

/// The reason why a request is rejected before it is dispatched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub code: ProblemCode,
    pub detail: Cow<'static, str>,
}

impl Rejection {
    pub const fn new(code: ProblemCode, detail: &'static str) -> Self {
        Rejection { code, detail: Cow::Borrowed(detail) }
    }
}

impl From<BodyError> for Rejection {
    fn from(error: BodyError) -> Self {
        Rejection::new(error.code(), error.message())
    }
}

const fn malformed(detail: &'static str) -> Rejection {
    Rejection::new(ProblemCode::MalformedRequest, detail)
}

/// The framing of the request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

/// The first bytes of an HTTP/2 connection with prior knowledge (RFC 9113, section 3.4), in the form of a
/// request head.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Returns the error of an incomplete head, if its first bytes are already invalid.
pub fn check_prefix(prefix: &[u8], limits: &Limits) -> Option<Rejection> {
    if prefix.first().is_some_and(|byte| !is_token(*byte)) {
        return Some(malformed("the request is not HTTP"));
    }
    if memchr_iter(b'\n', prefix).any(|at| at > 0 && prefix[at - 1] != b'\r') {
        return Some(malformed("lines must end with CR LF"));
    }
    let line = memchr(b'\n', prefix).unwrap_or(prefix.len());
    if line > limits.line_bytes {
        return Some(target_too_long(limits));
    }
    (prefix.len() > limits.head_bytes).then(|| too_large(limits))
}

pub fn target_too_long(limits: &Limits) -> Rejection {
    let detail = format!("request target: must be at most {} bytes", limits.line_bytes);
    Rejection { code: ProblemCode::UriTooLong, detail: detail.into() }
}

pub fn too_large(limits: &Limits) -> Rejection {
    let Limits { max_headers, line_bytes, head_bytes, .. } = limits;
    let detail = format!(
        "headers: at most {max_headers} are allowed, with at most {line_bytes} bytes each and {head_bytes} bytes \
         in total"
    );
    Rejection { code: ProblemCode::HeadersTooLarge, detail: detail.into() }
}

/// Validates a complete head, including the empty line, and returns the framing of the body.
pub fn validate(head: &[u8], limits: &Limits) -> Result<Framing, Rejection> {
    if let Some(rejection) = check_prefix(head, limits) {
        return Err(rejection);
    }
    let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    let mut lines = Lines(Some(text));
    let is_http10 = request_line(lines.next().unwrap_or_default())?;
    let mut headers = FramingHeaders::default();
    for line in lines {
        if line.len() > limits.line_bytes || headers.count == limits.max_headers {
            return Err(too_large(limits));
        }
        headers.add(line)?;
    }
    if headers.hosts > 1 || (headers.hosts == 0 && !is_http10) {
        return Err(malformed("Host: must be sent exactly once"));
    }
    match (headers.length, headers.chunked) {
        (Some(_), true) => Err(malformed("send Content-Length or Transfer-Encoding, not both")),
        (None, true) if is_http10 => Err(malformed("Transfer-Encoding: is not defined for HTTP/1.0")),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// Validates the request line. Returns true for HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Rejection> {
    const BAD: Rejection = malformed("the request line must be `method target HTTP/1.1`");
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BAD);
    };
    let has_scheme =
        |scheme: &[u8]| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme);
    let valid_target = target.starts_with(b"/")
        || has_scheme(b"http://")
        || has_scheme(b"https://")
        || (target == b"*" && method == b"OPTIONS");
    let printable = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    // Most targets need no second parse.
    let is_plain = || target.starts_with(b"/") && target.iter().all(|byte| PLAIN[usize::from(*byte)]);
    let valid_method =
        method.iter().all(|byte| is_token(*byte)) && !method.is_empty() && method != b"CONNECT";
    if !(valid_method && valid_target && printable) {
        return Err(BAD);
    }
    if !is_plain() && has_user_info(&Uri::try_from(target).map_err(|_| BAD)?) {
        return Err(malformed("the request target must not contain user information"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(BAD),
    }
}

/// The headers that determine the framing of the message.
#[derive(Default)]
struct FramingHeaders {
    count: usize,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl FramingHeaders {
    fn add(&mut self, line: &[u8]) -> Result<(), Rejection> {
        const BAD: Rejection = malformed("a header line must be `name: value`");
        let colon = line.iter().position(|byte| *byte == b':').ok_or(BAD)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(BAD);
        }
        if value.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
            return Err(BAD);
        }
        self.count += 1;
        if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            return validate_host(value);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let first = self.length.replace(parse_length(value)?).is_none();
            return first.then_some(()).ok_or(malformed("Content-Length: must be sent once"));
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let valid = value.eq_ignore_ascii_case(b"chunked") && !self.chunked;
            self.chunked = true;
            return valid.then_some(()).ok_or(malformed("Transfer-Encoding: must be `chunked`"));
        }
        Ok(())
    }
}

/// Returns whether the target has user information, which HTTP does not allow (RFC 9110, section 4.2.4).
pub fn has_user_info(target: &Uri) -> bool {
    target.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

/// Validates the value of `Host`.
pub fn validate_host(value: &[u8]) -> Result<(), Rejection> {
    let valid = Authority::try_from(value).is_ok_and(|host| !host.as_str().contains('@'));
    valid.then_some(()).ok_or(malformed("Host: must be a host name with an optional port"))
}

fn parse_length(value: &[u8]) -> Result<u64, Rejection> {
    let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let parsed = str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    parsed.ok_or(malformed("Content-Length: must be a number of bytes"))
}

fn is_token(byte: u8) -> bool {
    const TOKEN: [bool; 256] = alphanumeric_or(b"!#$%&'*+-.^_`|~");
    TOKEN[usize::from(byte)]
}

/// The characters that are valid anywhere in a path and a query.
const PLAIN: [bool; 256] = alphanumeric_or(b"-._~/?%!$&'()*+,;=:@");

/// Returns a table of the bytes that are ASCII letters, digits or one of `others`.
const fn alphanumeric_or(others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < others.len() {
        table[others[index] as usize] = true;
        index += 1;
    }
    table
}

/// An iterator over lines that end with CRLF. A lone CR or LF remains in its line, where it is rejected as an
/// invalid character.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.take()?;
        match memmem::find(rest, b"\r\n") {
            Some(end) => {
                self.0 = Some(&rest[end + 2..]);
                Some(&rest[..end])
            }
            None => Some(rest),
        }
    }
}

#[cfg(test)]
mod tests;
