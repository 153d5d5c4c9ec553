//! The socket under hyper, which enforces the framing of HTTP/1.
//!
//! It passes complete, validated heads to hyper, then exactly the body of each request. The validator decides
//! where a message ends, so hyper cannot disagree about it (request smuggling).
//!
//! hyper alone fails these attacks of `tests/abuse`, and nothing after hyper can detect the first three:
//!
//! - `smuggling`, CL+TE and TE+CL: hyper removes `Content-Length` if there is a `Transfer-Encoding`, processes
//!   the request and reuses the connection. A proxy that applies the length disagrees with it.
//! - `smuggling`, TE lone LF: hyper ends lines at LF without CR, so it sees a header that others see as a value.
//! - `slow_heads`, `slower_heads`: hyper closes the connection without a 408.
//! - `smuggling`, TE other: hyper accepts `gzip, chunked` and passes on a body that is still compressed.
//! - `sizes`: a 9,000-byte header is accepted, and a long target gets 431 instead of 414, without a problem.
//!
//! A test compares the boundaries of random messages with hyper's.
//!
//! A rejected request is replaced by a valid placeholder request, and the response to the placeholder by the
//! problem. hyper thus writes every response, except for events of an event stream: see [`SocketWriter`].
mod write;
mod writer;

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use memchr::memmem;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::tcp::OwnedReadHalf,
};

pub use writer::SocketWriter;

use super::{
    chunked::ChunkedParser,
    limits::Limits,
    request_head::{self, Framing, PREFACE, Rejection},
    timeouts::ConnectionTimers,
};
use crate::http::problem_code::ProblemCode;

/// The meaning of the next bytes.
enum Stage {
    /// The first bytes of the connection: a head or the HTTP/2 preface.
    First,
    Head,
    /// A validated head, of which this many bytes are not yet passed on.
    PassHead(usize, Body),
    Body(Body),
    /// The placeholder for a rejected request, of which this many bytes are not yet passed on.
    Placeholder(usize),
    /// HTTP/2: hyper checks its framing.
    Http2,
}

enum Body {
    Length(u64),
    Chunked(ChunkedParser),
}

/// The placeholder request that hyper receives instead of a rejected one.
const PLACEHOLDER_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: rejected\r\nconnection: close\r\n\r\n";
const PLACEHOLDER_HEAD_REQUEST: &[u8] = b"HEAD / HTTP/1.1\r\nhost: rejected\r\nconnection: close\r\n\r\n";

pub struct Socket {
    stream: OwnedReadHalf,
    writer: Arc<SocketWriter>,
    timers: Arc<ConnectionTimers>,
    limits: Arc<Limits>,
    stage: Stage,
    /// Bytes received and not yet passed on.
    buffer: Vec<u8>,
    /// Length of the prefix that is known not to contain the end of a head, so that no byte is searched
    /// twice.
    searched: usize,
    discarded: usize,
    shutdown_sent: bool,
}

impl Socket {
    pub fn new(
        (stream, writer): (OwnedReadHalf, Arc<SocketWriter>),
        timers: Arc<ConnectionTimers>,
        limits: Arc<Limits>,
    ) -> Self {
        let (stage, buffer) = (Stage::First, Vec::new());
        Socket {
            stream,
            writer,
            timers,
            limits,
            stage,
            buffer,
            searched: 0,
            discarded: 0,
            shutdown_sent: false,
        }
    }

    /// Reads from the stream. Returns the number of bytes, 0 at the end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [const { MaybeUninit::<u8>::uninit() }; 8192];
        let mut read = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Passes on at most `max` buffered bytes.
    fn copy_to(&mut self, max: usize, out: &mut ReadBuf<'_>) -> usize {
        let count = max.min(out.remaining()).min(self.buffer.len());
        out.put_slice(&self.buffer[..count]);
        if count == self.buffer.len() {
            // Idle connections use no buffer.
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..count);
        }
        count
    }

    /// Finds and validates the head at the start of the buffer.
    fn next_stage(&mut self) -> Option<Stage> {
        // An empty line before the request line is allowed (RFC 9112, 2.2).
        while self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
            self.searched = 0;
        }
        if self.buffer.is_empty() || self.buffer == b"\r" {
            return self.timers.is_head_late().then(|| self.reject(head_timeout()));
        }
        self.timers.start_head();
        let first = matches!(self.stage, Stage::First);
        if first && self.buffer.starts_with(PREFACE) {
            self.timers.stop_head();
            return Some(Stage::Http2);
        }
        let from = self.searched.saturating_sub(3);
        let end = memmem::find(&self.buffer[from..], b"\r\n\r\n");
        self.searched = self.buffer.len();
        let validated = match end {
            Some(end) => request_head::validate(&self.buffer[..from + end + 4], &self.limits),
            None if self.timers.is_head_late() => Err(head_timeout()),
            None => match request_head::check_prefix(&self.buffer, &self.limits) {
                Some(rejection) => Err(rejection),
                None => return None,
            },
        };
        let length = end.map_or(0, |end| from + end + 4);
        self.searched = 0;
        self.timers.stop_head();
        Some(match validated {
            Ok(Framing::Length(body_length)) => Stage::PassHead(length, Body::Length(body_length)),
            Ok(Framing::Chunked) => Stage::PassHead(length, Body::Chunked(ChunkedParser::new())),
            Err(rejection) => self.reject(rejection),
        })
    }

    fn reject(&mut self, rejection: Rejection) -> Stage {
        self.timers.set_rejection(rejection);
        self.timers.shut_down_within(self.limits.linger);
        let placeholder =
            if self.buffer.starts_with(b"HEAD ") { PLACEHOLDER_HEAD_REQUEST } else { PLACEHOLDER_REQUEST };
        self.buffer = placeholder.to_vec();
        Stage::Placeholder(placeholder.len())
    }

    /// Passes on a chunk of the body. Returns whether it was the last one.
    fn pass_body(&mut self, body: &mut Body, out: &mut ReadBuf<'_>) -> io::Result<bool> {
        match body {
            Body::Length(left) => {
                let max = usize::try_from(*left).unwrap_or(usize::MAX);
                *left -= self.copy_to(max, out) as u64;
                Ok(*left == 0)
            }
            Body::Chunked(parser) => {
                let max = self.buffer.len().min(out.remaining());
                let invalid = |_| io::Error::from(super::request_body::BodyError::Incomplete);
                let count = parser.consume(&self.buffer[..max]).map_err(invalid)?;
                self.copy_to(count, out);
                Ok(parser.is_done())
            }
        }
    }

    /// Reads the next head. While a request is in progress, at most one buffer is read, to notice that the
    /// client has disconnected; pipelined bytes stay in the kernel (backpressure).
    ///
    /// The next bytes of the stream wake this task. Only if bytes are buffered already, the end of the request
    /// must wake it. Otherwise every request would poll the connection once more.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Stage>>> {
        loop {
            let is_buffered = !self.buffer.is_empty();
            if self.timers.is_busy(is_buffered.then_some(&*cx)) {
                if is_buffered {
                    return Poll::Pending;
                }
            } else if let Some(stage) = self.next_stage() {
                return Poll::Ready(Ok(Some(stage)));
            }
            if ready!(self.fill(cx))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
    }
}

const fn head_timeout() -> Rejection {
    Rejection::new(ProblemCode::RequestTimeout, "the request head arrived too slowly")
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = self.get_mut();
        loop {
            match std::mem::replace(&mut socket.stage, Stage::Head) {
                stage @ (Stage::First | Stage::Head) => {
                    socket.stage = stage;
                    match ready!(socket.poll_head(cx))? {
                        Some(stage) => socket.stage = stage,
                        None => return Poll::Ready(Ok(())),
                    }
                }
                Stage::PassHead(left, body) => {
                    let left = left - socket.copy_to(left, out);
                    let done = matches!(body, Body::Length(0));
                    socket.stage = match left {
                        0 if done => Stage::Head,
                        0 => Stage::Body(body),
                        left => Stage::PassHead(left, body),
                    };
                    return Poll::Ready(Ok(()));
                }
                Stage::Body(mut body) => {
                    if socket.buffer.is_empty() {
                        let filled = socket.fill(cx);
                        if !matches!(filled, Poll::Ready(Ok(1..))) {
                            socket.stage = Stage::Body(body);
                            return filled.map_ok(|_| ());
                        }
                    }
                    let done = socket.pass_body(&mut body, out)?;
                    socket.stage = if done { Stage::Head } else { Stage::Body(body) };
                    return Poll::Ready(Ok(()));
                }
                Stage::Placeholder(left) => {
                    let copied = socket.copy_to(left, out);
                    socket.stage = Stage::Placeholder(left - copied);
                    return if copied > 0 { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
                Stage::Http2 => {
                    socket.stage = Stage::Http2;
                    if socket.buffer.is_empty() {
                        return Pin::new(&mut socket.stream).poll_read(cx, out);
                    }
                    socket.copy_to(usize::MAX, out);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
