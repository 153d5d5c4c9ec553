//! The socket under the parser. Of HTTP/1 it hands on whole heads that were judged, and then exactly the
//! body that belongs to each: the parser and the judge cannot disagree about where a message ends.
mod write;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::{
    chunked::Chunks,
    head::{self, Framing, PREFACE, Refusal},
    limits::Limits,
    pulse::Pulse,
};
use crate::contract::code::Code;

/// What the next bytes are.
enum Stage {
    /// The first of the connection: a head, or the beginning of HTTP/2.
    First,
    Head,
    /// A judged head of which so many bytes have yet to be handed on.
    Handing(usize, Body),
    Body(Body),
    /// What stands in for a refused request, with so many bytes to hand on.
    Refused(usize),
    /// HTTP/2, which has a judge of its own.
    Through,
}

enum Body {
    Length(u64),
    Chunked(Chunks),
}

/// The parser sees these in the place of what is refused, and writes the answer as it would any other.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
const STAND_IN_HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

pub struct Socket {
    stream: TcpStream,
    pulse: Arc<Pulse>,
    limits: Arc<Limits>,
    stage: Stage,
    /// Bytes that came and are not handed on.
    held: Vec<u8>,
    /// How many of them are known to hold no end of a head.
    searched: usize,
    swallowed: usize,
    shut: bool,
}

impl Socket {
    pub fn new(stream: TcpStream, pulse: Arc<Pulse>, limits: Arc<Limits>) -> Self {
        let (stage, held) = (Stage::First, Vec::new());
        Socket { stream, pulse, limits, stage, held, searched: 0, swallowed: 0, shut: false }
    }

    /// Takes in what the peer has sent; 0 at its end.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0u8; 8192];
        let mut read = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.held.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Hands on at most `most` of the held bytes.
    fn give(&mut self, most: usize, out: &mut ReadBuf<'_>) -> usize {
        let count = most.min(out.remaining()).min(self.held.len());
        out.put_slice(&self.held[..count]);
        if count == self.held.len() {
            // Idle connections hold no memory.
            self.held = Vec::new();
        } else {
            self.held.drain(..count);
        }
        count
    }

    /// Finds and judges the head at the beginning of what is held.
    fn judge(&mut self) -> Option<Stage> {
        // A line's end before a request line is tolerated (RFC 9112, 2.2).
        while self.held.starts_with(b"\r\n") {
            self.held.drain(..2);
            self.searched = 0;
        }
        if self.held.is_empty() || self.held == b"\r" {
            return self.pulse.is_late().then(|| self.refuse(late()));
        }
        self.pulse.head_begins();
        let first = matches!(self.stage, Stage::First);
        if first && self.held.starts_with(PREFACE) {
            self.pulse.head_ends();
            return Some(Stage::Through);
        }
        let from = self.searched.saturating_sub(3);
        let end = self.held[from..].windows(4).position(|four| four == b"\r\n\r\n");
        self.searched = self.held.len();
        let judged = match end {
            Some(end) => head::judge(&self.held[..from + end + 4], &self.limits),
            None if self.pulse.is_late() => Err(late()),
            None => match head::hopeless(&self.held, &self.limits) {
                Some(refusal) => Err(refusal),
                None => return None,
            },
        };
        let length = end.map_or(0, |end| from + end + 4);
        self.searched = 0;
        self.pulse.head_ends();
        Some(match judged {
            Ok(Framing::Length(length_of_body)) => Stage::Handing(length, Body::Length(length_of_body)),
            Ok(Framing::Chunked) => Stage::Handing(length, Body::Chunked(Chunks::new())),
            Err(refusal) => self.refuse(refusal),
        })
    }

    fn refuse(&mut self, refusal: Refusal) -> Stage {
        self.pulse.refuse(refusal);
        self.pulse.ends_within(self.limits.linger);
        let stand_in = if self.held.starts_with(b"HEAD ") { STAND_IN_HEAD } else { STAND_IN };
        self.held = stand_in.to_vec();
        Stage::Refused(stand_in.len())
    }

    /// Hands on a piece of the body and says whether it was the last.
    fn body(&mut self, body: &mut Body, out: &mut ReadBuf<'_>) -> io::Result<bool> {
        match body {
            Body::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                *left -= self.give(most, out) as u64;
                Ok(*left == 0)
            }
            Body::Chunked(chunks) => {
                let most = self.held.len().min(out.remaining());
                let broken = |_| io::Error::from(super::body::BodyError::Broken);
                let count = chunks.follow(&self.held[..most]).map_err(broken)?;
                self.give(count, out);
                Ok(chunks.is_done())
            }
        }
    }

    /// The next head: while an answer is under way, bytes are only looked for to learn whether the peer
    /// is still there; its end wakes the reader.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Stage>>> {
        loop {
            if self.pulse.is_busy(cx) {
                if !self.held.is_empty() {
                    return Poll::Pending;
                }
            } else if let Some(stage) = self.judge() {
                return Poll::Ready(Ok(Some(stage)));
            }
            if ready!(self.fill(cx))? == 0 {
                return Poll::Ready(Ok(None));
            }
        }
    }
}

const fn late() -> Refusal {
    Refusal::new(Code::RequestTimeout, "the head of the request came too slowly")
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
                Stage::Handing(left, body) => {
                    let left = left - socket.give(left, out);
                    let done = matches!(body, Body::Length(0));
                    socket.stage = match left {
                        0 if done => Stage::Head,
                        0 => Stage::Body(body),
                        left => Stage::Handing(left, body),
                    };
                    return Poll::Ready(Ok(()));
                }
                Stage::Body(mut body) => {
                    if socket.held.is_empty() {
                        let filled = socket.fill(cx);
                        if !matches!(filled, Poll::Ready(Ok(1..))) {
                            socket.stage = Stage::Body(body);
                            return filled.map_ok(|_| ());
                        }
                    }
                    let done = socket.body(&mut body, out)?;
                    socket.stage = if done { Stage::Head } else { Stage::Body(body) };
                    return Poll::Ready(Ok(()));
                }
                Stage::Refused(left) => {
                    let given = socket.give(left, out);
                    socket.stage = Stage::Refused(left - given);
                    return if given > 0 { Poll::Ready(Ok(())) } else { Poll::Pending };
                }
                Stage::Through => {
                    socket.stage = Stage::Through;
                    if socket.held.is_empty() {
                        return Pin::new(&mut socket.stream).poll_read(cx, out);
                    }
                    socket.give(usize::MAX, out);
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}
