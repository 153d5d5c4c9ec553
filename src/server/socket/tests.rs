//! Compares the framing that the socket enforces with hyper's reading of the same bytes.
use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;

use super::*;

/// The method, the target and the body of a message; `None` for a body that is incomplete.
type Message = (String, String, Option<Vec<u8>>);

/// xorshift64, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    /// Returns a line ending, which is one of the lenient forms in 1 of 40 cases.
    fn line_end(&mut self) -> &'static str {
        if self.below(40) == 0 { self.pick(&["\n", "\r", "\r\r\n", "\n\r\n"]) } else { "\r\n" }
    }

    fn line(&mut self, text: &mut String, choices: &[&str]) {
        text.push_str(self.pick(choices));
        text.push_str(self.line_end());
    }

    fn message(&mut self) -> String {
        let mut text = String::new();
        self.line(
            &mut text,
            &["POST /a HTTP/1.1", "PUT /b?c HTTP/1.1", "GET http://a/d HTTP/1.1", "POST / HTTP/1.1"],
        );
        text.push_str("Host: a\r\n");
        for _ in 0..self.below(2) {
            self.line(&mut text, &["X: y", "X:", "X: Content-Length: 5", "Accept: */*", "X: a\tb", "X:y "]);
        }
        let mut chunked = false;
        for _ in 0..1 + self.below(6) / 5 {
            chunked = self.below(2) == 0;
            let lengths = ["Content-Length: 4", "content-length:0", "Content-Length: 12"];
            let chunks = ["Transfer-Encoding: chunked", "transfer-encoding:  Chunked "];
            let lenient = [
                "Content-Length: +4",
                "Content-Length: 4, 4",
                "Content-Length : 4",
                "Transfer-Encoding: gzip, chunked",
                "Transfer-Encoding: chunked, identity",
                "Transfer-Encoding : chunked",
                " Transfer-Encoding: chunked",
                "Transfer-Encoding: \"chunked\"",
                "Transfer-Encoding:\u{b}chunked",
                "Content-Length: 0x4",
            ];
            match self.below(12) {
                0 => self.line(&mut text, &lenient),
                _ if chunked => self.line(&mut text, &chunks),
                _ => self.line(&mut text, &lengths),
            }
        }
        text.push_str(self.line_end());
        if !chunked {
            text.push_str(self.pick(&["abcd", "", "0123456789ab", "GET / HTTP/1"]));
            return text;
        }
        for _ in 0..self.below(3) {
            let size = self.below(20);
            match self.below(3) {
                0 => text.push_str(&format!("{size:03X}{}", self.pick(&[";x=y", "; a", " ", ";", "\t;z"]))),
                _ => text.push_str(&format!("{size:x}")),
            }
            text.push_str(self.line_end());
            text.push_str(&"d".repeat(size));
            text.push_str(self.line_end());
        }
        self.line(&mut text, &["0", "0", "0", "000", "0;x", "0x0", "-0"]);
        if self.below(4) == 0 {
            self.line(&mut text, &["X: y", "Content-Length: 3", "nonsense", " X: y"]);
        }
        text.push_str(self.line_end());
        text
    }

    /// Returns messages in sequence, of which half have some changed bytes.
    fn connection(&mut self) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..1 + self.below(2)).flat_map(|_| self.message().into_bytes()).collect();
        for _ in 0..self.below(2) * self.below(4) {
            const BYTES: &[u8] = b"\r\n \t:;,0149aF+-x\0\x0b\x7f\xff";
            let (at, byte) = (self.below(bytes.len()), BYTES[self.below(BYTES.len())]);
            match self.below(3) {
                0 => bytes.insert(at, byte),
                1 => bytes[at] = byte,
                _ => drop(bytes.remove(at)),
            }
        }
        bytes.extend(b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n");
        bytes
    }
}

/// Returns the complete messages up to the first rejected one, as the socket passes them on.
fn enforced(mut bytes: &[u8]) -> Vec<Message> {
    let (limits, mut messages) = (Limits::default(), Vec::new());
    loop {
        while let Some(rest) = bytes.strip_prefix(b"\r\n") {
            bytes = rest;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return messages };
        let (head, rest) = bytes.split_at(end + 4);
        let (body, length) = match request_head::validate(head, &limits) {
            Err(_) => return messages,
            Ok(Framing::Length(length)) => {
                let Some(body) = rest.get(..length as usize) else { return messages };
                (body.to_vec(), body.len())
            }
            Ok(Framing::Chunked) => {
                let mut parser = ChunkedParser::new();
                let Ok(length) = parser.consume(rest) else { return messages };
                if !parser.is_done() {
                    return messages;
                }
                (decoded(&rest[..length]), length)
            }
        };
        let mut line = std::str::from_utf8(head).unwrap_or_default().split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let target =
            hyper::Uri::try_from(target).map_or_else(|_| target.to_owned(), |target| target.to_string());
        messages.push((method.to_owned(), target, Some(body)));
        if line.next().is_some_and(|version| version.starts_with("HTTP/1.0")) {
            return messages;
        }
        bytes = &rest[length..];
    }
}

/// Decodes a valid chunked body.
fn decoded(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("a size line");
        let line = String::from_utf8_lossy(&bytes[..end]);
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).expect("a size");
        if size == 0 {
            return body;
        }
        bytes = &bytes[end + 2..];
        body.extend(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

/// Returns the messages that hyper reads from the same bytes, without the socket.
async fn read_by_hyper(bytes: &[u8]) -> Vec<Message> {
    let messages = Mutex::new(Vec::new());
    let service = service_fn(async |request: hyper::Request<Incoming>| {
        let (method, target) = (request.method().to_string(), request.uri().to_string());
        let body = request.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
        messages.lock().push((method, target, body));
        Ok::<_, Infallible>(hyper::Response::new(Empty::<Bytes>::new()))
    });
    let stream = TokioIo::new(tokio::io::join(bytes, tokio::io::sink()));
    let _ = http1::Builder::new().half_close(true).max_headers(64).serve_connection(stream, service).await;
    messages.into_inner()
}

#[tokio::test]
async fn agrees_with_hyper_on_the_boundaries_of_messages() {
    let (mut random, mut agreed, mut rejected, mut only_hyper) = (Random(0x9e37_79b9_7f4a_7c15), 0, 0, 0);
    for case in 0..5000 {
        let bytes = random.connection();
        let (enforced, read) = (enforced(&bytes), read_by_hyper(&bytes).await);
        // hyper may reject a message that the socket accepts, because the connection ends there.
        let end = read.iter().position(|(.., body)| body.is_none()).unwrap_or(read.len());
        let common = enforced.len().min(end);
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(enforced[..common], read[..common], "case {case}: {text:?}");
        agreed += common;
        rejected += enforced.len() - common;
        only_hyper += end - common;
    }
    // Otherwise the messages are too simple or too broken to show a difference.
    let counts =
        format!("{agreed} agreed, {rejected} rejected by hyper, {only_hyper} accepted by hyper only");
    assert!(agreed > 2000 && rejected < agreed / 10 && only_hyper > 100, "{counts}");
}
