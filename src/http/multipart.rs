//! A streaming parser of `multipart/form-data` (RFC 7578). It buffers one chunk of the body and the tail of
//! the previous one, never a whole part.
//!
//! The crate multer, version 3.1, is no replacement: it buffers all that has arrived, up to the whole body,
//! does not bound the headers of a part, and accepts parts without a name.
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::{
    body_error::BodyError,
    file_name,
    problem::{Error, Result},
};

/// The maximum size of the headers of one part, in bytes.
const MAX_HEADERS: usize = 8 * 1024;

/// The end of the message for a form that exceeds its size limit.
pub const TOO_LARGE_HINT: &str = ", including the multipart headers";

/// A form whose parts are read one after another.
pub struct Multipart {
    body: BoxStream<'static, io::Result<Bytes>>,
    /// Unparsed bytes: one chunk of the body, and the tail of the previous one.
    buffer: BytesMut,
    /// The delimiter between parts: a line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    /// Bytes that the body may still have.
    remaining: usize,
    limit: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Preamble,
    InPart,
    AfterPart,
    End,
}

/// The name of a part, and the name of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub filename: Option<String>,
}

impl Multipart {
    /// Creates a parser that reads at most `limit` bytes of `body`.
    pub fn new<S>(body: S, boundary: &str, limit: usize) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        // The first delimiter may be at the start of the body, without the line break of all others.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Multipart { body: body.boxed(), buffer, delimiter, remaining: limit, limit, state: State::Preamble }
    }

    /// Changes the limit of the body. Call it before the first part is read.
    pub fn with_limit(self, limit: usize) -> Self {
        Multipart { remaining: limit, limit, ..self }
    }

    /// Returns the next part. The unread rest of the current part is skipped.
    pub async fn next_part(&mut self) -> Result<Option<Part>> {
        while matches!(self.state, State::Preamble | State::InPart) {
            self.content().await?;
        }
        if self.state == State::End || !self.has_next().await? {
            self.state = State::End;
            return Ok(None);
        }
        let headers = self.headers().await?;
        self.state = State::InPart;
        parse_headers(&headers).map(Some)
    }

    /// Returns the next chunk of the current part, or `None` at its end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        while self.state == State::InPart {
            let chunk = self.content().await?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Returns buffered content before the next delimiter, and consumes the delimiter.
    async fn content(&mut self) -> Result<Bytes> {
        match find(&self.buffer, &self.delimiter) {
            Some(at) => {
                let content = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(self.delimiter.len());
                self.state = State::AfterPart;
                Ok(content)
            }
            None => {
                // The last bytes may be the start of a delimiter whose end is in the next chunk.
                let complete = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
                let content = self.buffer.split_to(complete).freeze();
                if content.is_empty() {
                    self.fill().await?;
                }
                Ok(content)
            }
        }
    }

    /// Returns whether a part follows the delimiter. Two hyphens mark the end of the form.
    async fn has_next(&mut self) -> Result<bool> {
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(false);
        }
        loop {
            let padding = self.buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let _ = self.buffer.split_to(padding);
            match self.buffer.get(..2) {
                Some(b"\r\n") => return Ok(true),
                Some(_) => {
                    return Err(Error::Malformed(
                        "multipart body: a boundary must be followed by a line break",
                    ));
                }
                None => self.fill().await?,
            }
        }
    }

    /// Returns the headers of a part and consumes the empty line behind them.
    async fn headers(&mut self) -> Result<Bytes> {
        let too_long =
            || Error::Malformed("multipart body: the headers of a part must be at most 8,192 bytes");
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                if at > MAX_HEADERS {
                    return Err(too_long());
                }
                let headers = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(4);
                return Ok(headers);
            }
            // The empty line behind the headers may have arrived in part.
            if self.buffer.len() >= MAX_HEADERS + 4 {
                return Err(too_long());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                let remaining = self.remaining.checked_sub(bytes.len());
                let too_large = || Error::PayloadTooLarge(BodyError::too_large(self.limit, TOO_LARGE_HINT));
                self.remaining = remaining.ok_or_else(too_large)?;
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(error)) => Err(BodyError::from_io(&error).unwrap_or(BodyError::Incomplete).into()),
            None => Err(BodyError::Incomplete.into()),
        }
    }
}

/// Returns the boundary in a `Content-Type` of `multipart/form-data` (RFC 2046, section 5.1.1).
pub fn boundary(content_type: &str) -> Option<String> {
    let (essence, rest) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = String::from_utf8(parameter(rest.as_bytes(), "boundary")?).ok()?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let valid =
        (1..=70).contains(&boundary.len()) && boundary.bytes().all(allowed) && !boundary.ends_with(' ');
    valid.then_some(boundary)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Parses the `Content-Disposition` of a part.
fn parse_headers(headers: &[u8]) -> Result<Part> {
    let unnamed = || Error::Malformed("multipart body: every part must have a name");
    let lines = headers.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut named = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        name.eq_ignore_ascii_case(b"content-disposition").then(|| value[1..].trim_ascii())
    });
    let (Some(value), None) = (named.next(), named.next()) else { return Err(unnamed()) };
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(unnamed());
    }
    let rest = &value[kind.len()..];
    let name = parameter(rest, "name").and_then(|name| String::from_utf8(name).ok()).ok_or_else(unnamed)?;
    let extended = parameter(rest, "filename*").and_then(|value| file_name::extended(&value));
    let filename = extended.or_else(|| parameter(rest, "filename").map(|value| file_name::plain(&value)));
    Ok(Part { name, filename })
}

/// Returns the value of a parameter such as `; name="file"`.
fn parameter(text: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let mut rest = text;
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b";").unwrap_or(rest).trim_ascii_start();
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii();
        let (value, after) = value(rest[equals + 1..].trim_ascii_start())?;
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return Some(value);
        }
        rest = after;
    }
}

/// Parses a token or quoted string, and returns it with the text behind it.
fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return Some((text[..end].trim_ascii().to_vec(), &text[end..]));
    };
    let (mut value, mut at) = (Vec::new(), 0);
    loop {
        match (quoted.get(at)?, quoted.get(at + 1)) {
            (b'"', _) => return Some((value, &quoted[at + 1..])),
            (b'\\', Some(escaped @ (b'"' | b'\\'))) => {
                value.push(*escaped);
                at += 2;
            }
            (byte, _) => {
                value.push(*byte);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
