//! Forms with files (RFC 7578), read part by part while they come: nothing of them is gathered but the line
//! that parts them.
use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream::BoxStream};

use super::{
    body::BodyError,
    problem::{Error, Result},
};

/// Bytes of the fields of one part: more than a name and a file's name need.
const FIELDS: usize = 8 * 1024;

/// A form, of which one part is read at a time.
pub struct Multipart {
    body: BoxStream<'static, io::Result<Bytes>>,
    /// What came and was not looked at yet: one piece of the body, and the tail of the one before.
    buffer: BytesMut,
    /// What stands between parts: a line break, two hyphens and the boundary.
    delimiter: Vec<u8>,
    left: usize,
    limit: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    InPart,
    AfterPart,
    End,
}

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub filename: Option<String>,
}

impl Multipart {
    /// Reads at most `limit` bytes of the body.
    pub fn new<S>(body: S, boundary: &str, limit: usize) -> Self
    where
        S: Stream<Item = io::Result<Bytes>> + Send + 'static,
    {
        // The first delimiter may stand at the very beginning, without a line to break.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        Multipart { body: body.boxed(), buffer, delimiter, left: limit, limit, place: Place::Before }
    }

    /// The next part; what is left of the one before is passed over.
    pub async fn next(&mut self) -> Result<Option<Part>> {
        while matches!(self.place, Place::Before | Place::InPart) {
            self.content().await?;
        }
        if self.place == Place::End || !self.opens().await? {
            self.place = Place::End;
            return Ok(None);
        }
        let fields = self.fields().await?;
        self.place = Place::InPart;
        disposition(&fields).map(Some)
    }

    /// The next piece of the present part; none at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>> {
        while self.place == Place::InPart {
            let piece = self.content().await?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// What is there before the next delimiter; the delimiter is taken with it.
    async fn content(&mut self) -> Result<Bytes> {
        match find(&self.buffer, &self.delimiter) {
            Some(at) => {
                let content = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(self.delimiter.len());
                self.place = Place::AfterPart;
                Ok(content)
            }
            None => {
                // Its last bytes may be the beginning of a delimiter.
                let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
                let content = self.buffer.split_to(sure).freeze();
                if content.is_empty() {
                    self.fill().await?;
                }
                Ok(content)
            }
        }
    }

    /// Whether a part follows the delimiter, and not the end.
    async fn opens(&mut self) -> Result<bool> {
        while self.buffer.len() < 2 {
            self.fill().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(false);
        }
        loop {
            let blank = self.buffer.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let _ = self.buffer.split_to(blank);
            match self.buffer.get(..2) {
                Some(b"\r\n") => return Ok(true),
                Some(_) => return Err(Error::Malformed("a boundary of the form is no line of its own")),
                None => self.fill().await?,
            }
        }
    }

    /// The fields of a part, from the line break before them to the empty line behind.
    async fn fields(&mut self) -> Result<Bytes> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                if at > FIELDS {
                    return Err(Error::Malformed("a part of the form has too long fields"));
                }
                let fields = self.buffer.split_to(at).freeze();
                let _ = self.buffer.split_to(4);
                // What follows a part without content begins with its line break, as any other.
                return Ok(fields);
            }
            if self.buffer.len() > FIELDS {
                return Err(Error::Malformed("a part of the form has too long fields"));
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                let left = self.left.checked_sub(bytes.len());
                let too_large = || {
                    Error::TooLarge(format!(
                        "a body may have {} bytes here, with everything around the file",
                        self.limit
                    ))
                };
                self.left = left.ok_or_else(too_large)?;
                self.buffer.extend_from_slice(&bytes);
                Ok(())
            }
            Some(Err(error)) => Err(BodyError::of(&error).unwrap_or(BodyError::Broken).into()),
            None => Err(BodyError::Broken.into()),
        }
    }
}

/// The boundary in a `Content-Type`, if it is a form with one (RFC 2046, 5.1.1).
pub fn boundary(content_type: &str) -> Option<String> {
    let (essence, rest) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(rest.as_bytes(), "boundary")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&b);
    let fits = (1..=70).contains(&boundary.len()) && boundary.bytes().all(plain) && !boundary.ends_with(' ');
    fits.then_some(boundary)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// The part's name and its file's name.
fn disposition(fields: &[u8]) -> Result<Part> {
    let unnamed = || Error::Malformed("a part of the form has no readable name");
    let lines = fields.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
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
    let name = parameter(rest, "name").ok_or_else(unnamed)?;
    let filename = parameter(rest, "filename");
    // Browsers write three characters so, and no others (HTML, multipart/form-data encoding).
    let plain = |name: String| name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
    Ok(Part { name, filename: filename.map(plain) })
}

/// The value of a parameter such as `; name="file"`.
fn parameter(text: &[u8], wanted: &str) -> Option<String> {
    let mut rest = text;
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b";").unwrap_or(rest).trim_ascii_start();
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let name = rest[..equals].trim_ascii();
        let (value, behind) = value(rest[equals + 1..].trim_ascii_start())?;
        if name.eq_ignore_ascii_case(wanted.as_bytes()) {
            return String::from_utf8(value).ok();
        }
        rest = behind;
    }
}

/// A value and what stands behind it.
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
