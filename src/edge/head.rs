//! The head of an HTTP/1 request, judged before any parser that would be lenient with it sees it.
use poem::http::{Uri, uri::Authority};

use super::limits::Limits;
use crate::contract::code::Code;

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub detail: &'static str,
}

impl Refusal {
    pub const fn new(code: Code, detail: &'static str) -> Self {
        Refusal { code, detail }
    }
}

const fn malformed(detail: &'static str) -> Refusal {
    Refusal::new(Code::MalformedRequest, detail)
}

/// How the request's body tells where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

/// The first line of an HTTP/2 connection, which looks like a head but is none.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// The refusal that an unfinished head has already earned.
pub fn hopeless(part: &[u8], limits: &Limits) -> Option<Refusal> {
    if part.first().is_some_and(|byte| !is_token(*byte)) {
        return Some(malformed("this is not an HTTP request"));
    }
    if part.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r') {
        return Some(malformed("lines end with CR and LF"));
    }
    let line = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
    if line > limits.line_bytes {
        return Some(Refusal::new(Code::UriTooLong, "the address is longer than 8,192 bytes"));
    }
    (part.len() > limits.head_bytes).then(too_large)
}

pub const fn too_large() -> Refusal {
    Refusal::new(Code::HeadersTooLarge, "send at most 64 fields of 8,192 bytes and 16,384 bytes of them")
}

/// Judges a whole head, the empty line included.
pub fn judge(head: &[u8], limits: &Limits) -> Result<Framing, Refusal> {
    if let Some(refusal) = hopeless(head, limits) {
        return Err(refusal);
    }
    let text = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    let mut lines = Lines(Some(text));
    let old = request_line(lines.next().unwrap_or_default())?;
    let mut fields = Fields::default();
    for line in lines {
        if line.len() > limits.line_bytes || fields.count == limits.head_fields {
            return Err(too_large());
        }
        fields.add(line)?;
    }
    if fields.hosts > 1 || (fields.hosts == 0 && !old) {
        return Err(malformed("send exactly one Host field"));
    }
    match (fields.length, fields.chunked) {
        (Some(_), true) => Err(malformed("send Content-Length or Transfer-Encoding, not both")),
        (None, true) if old => Err(malformed("HTTP/1.0 has no Transfer-Encoding")),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// True for HTTP/1.0.
fn request_line(line: &[u8]) -> Result<bool, Refusal> {
    const BAD: Refusal = malformed("the request line is not `method target HTTP/1.1`");
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BAD);
    };
    let absolute =
        |scheme: &[u8]| target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme);
    let form = target.starts_with(b"/")
        || absolute(b"http://")
        || absolute(b"https://")
        || (target == b"*" && method == b"OPTIONS");
    let visible = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let plain = method.iter().all(|byte| is_token(*byte)) && !method.is_empty() && method != b"CONNECT";
    if !(plain && form && visible && Uri::try_from(target).is_ok()) {
        return Err(BAD);
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(BAD),
    }
}

/// What the fields say about the message's borders.
#[derive(Default)]
struct Fields {
    count: usize,
    hosts: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Fields {
    fn add(&mut self, line: &[u8]) -> Result<(), Refusal> {
        const BAD: Refusal = malformed("a field line is not `name: value`");
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
            return host(value);
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let first = self.length.replace(length(value)?).is_none();
            return first.then_some(()).ok_or(malformed("send Content-Length once"));
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let known = value.eq_ignore_ascii_case(b"chunked") && !self.chunked;
            self.chunked = true;
            return known.then_some(()).ok_or(malformed("the only Transfer-Encoding here is `chunked`"));
        }
        Ok(())
    }
}

pub fn host(value: &[u8]) -> Result<(), Refusal> {
    let good = Authority::try_from(value).is_ok_and(|host| !host.as_str().contains('@'));
    good.then_some(()).ok_or(malformed("the Host field is not a host and port"))
}

fn length(value: &[u8]) -> Result<u64, Refusal> {
    let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    let number = str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number.ok_or(malformed("Content-Length is not a number"))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Lines by CRLF alone: a lone CR or LF stays inside and fails as part of a name or value.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.take()?;
        match rest.windows(2).position(|pair| pair == b"\r\n") {
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
