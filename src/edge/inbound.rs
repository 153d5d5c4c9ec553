//! What comes in on an HTTP/1 connection, judged before the parser sees it: a head goes on whole or not at
//! all, so that what two parsers could read in two ways is read by none.
use super::{
    chunked::Chunks,
    head::{Framing, hopeless, judge},
    limits::Limits,
    refusal::Refusal,
};

/// The path under which a refusal is asked for in place of the request that earned it.
pub(super) const REFUSED: &str = "/.refused";

enum Place {
    Head,
    Length(u64),
    Chunked(Chunks),
    /// The parser finds the fault itself and ends the connection.
    Broken,
    Refused,
}

/// The judge of one connection's bytes.
pub(super) struct Inbound {
    place: Place,
    /// A head that is not whole yet.
    head: Vec<u8>,
    /// What the parser may read, from `at` on.
    ready: Vec<u8>,
    at: usize,
    pub refusal: Option<Refusal>,
}

impl Inbound {
    pub fn new() -> Self {
        Inbound { place: Place::Head, head: Vec::new(), ready: Vec::new(), at: 0, refusal: None }
    }

    /// Whether a head has begun and not ended.
    pub fn waits(&self) -> bool {
        !self.head.is_empty()
    }

    /// Moves what is ready into `space` and says how much that was.
    pub fn take(&mut self, space: &mut [u8]) -> usize {
        let count = space.len().min(self.ready.len() - self.at);
        space[..count].copy_from_slice(&self.ready[self.at..self.at + count]);
        self.at += count;
        if self.at == self.ready.len() {
            self.ready.clear();
            self.at = 0;
        }
        count
    }

    pub fn is_empty(&self) -> bool {
        self.at == self.ready.len()
    }

    /// Takes in what the network brought.
    pub fn feed(&mut self, mut bytes: &[u8], limits: &Limits) {
        while !bytes.is_empty() {
            bytes = match &mut self.place {
                Place::Head => self.head(bytes, limits),
                Place::Length(left) => {
                    let count = (*left).min(bytes.len() as u64) as usize;
                    *left -= count as u64;
                    let done = *left == 0;
                    self.pass(bytes, count, done)
                }
                Place::Chunked(chunks) => match chunks.follow(bytes) {
                    Ok(count) => {
                        let done = chunks.is_done();
                        self.pass(bytes, count, done)
                    }
                    Err(_) => {
                        self.place = Place::Broken;
                        bytes
                    }
                },
                Place::Broken => self.pass(bytes, bytes.len(), false),
                Place::Refused => return,
            };
        }
    }

    fn pass<'b>(&mut self, bytes: &'b [u8], count: usize, done: bool) -> &'b [u8] {
        self.ready.extend_from_slice(&bytes[..count]);
        if done {
            self.place = Place::Head;
        }
        &bytes[count..]
    }

    fn head<'b>(&mut self, bytes: &'b [u8], limits: &Limits) -> &'b [u8] {
        // Empty lines before a request are passed over (RFC 9112, 2.2).
        let skipped =
            if self.head.is_empty() { bytes.iter().take_while(|b| b"\r\n".contains(b)).count() } else { 0 };
        let bytes = &bytes[skipped..];
        let known = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = known.saturating_sub(3);
        let end =
            self.head[from..].windows(4).position(|window| window == b"\r\n\r\n").map(|end| from + end + 4);
        let Some(end) = end else {
            if let Some(refusal) = hopeless(&self.head, limits) {
                self.refuse(refusal);
            }
            return &[];
        };
        let head = std::mem::take(&mut self.head);
        match judge(&head[..end], limits) {
            Ok(framing) => {
                self.ready.extend_from_slice(&head[..end]);
                self.place = match framing {
                    Framing::Length(0) => Place::Head,
                    Framing::Length(length) => Place::Length(length),
                    Framing::Chunked => Place::Chunked(Chunks::new()),
                };
            }
            Err(refusal) => self.refuse(refusal),
        }
        &bytes[end - known..]
    }

    /// The parser reads a request for the refusal, and nothing after it.
    fn refuse(&mut self, refusal: Refusal) {
        self.head.clear();
        self.place = Place::Refused;
        self.refusal = Some(refusal);
        let request = format!("GET {REFUSED} HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n");
        self.ready.extend_from_slice(request.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds in pieces of every size: the parser must always read the same.
    fn read(bytes: &[u8]) -> (String, bool) {
        let mut seen = None;
        for size in 1..=bytes.len() {
            let mut inbound = Inbound::new();
            let mut out = Vec::new();
            for piece in bytes.chunks(size) {
                inbound.feed(piece, &Limits::default());
                let mut space = [0; 7];
                while !inbound.is_empty() {
                    let count = inbound.take(&mut space);
                    out.extend_from_slice(&space[..count]);
                }
            }
            let now = (String::from_utf8_lossy(&out).into_owned(), inbound.refusal.is_some());
            assert!(seen.as_ref().is_none_or(|seen| *seen == now), "in pieces of {size}: {now:?}");
            seen = Some(now);
        }
        seen.unwrap_or_default()
    }

    #[test]
    fn good_messages_pass_as_they_are() {
        for message in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(message.as_bytes()), (message.to_owned(), false));
        }
    }

    #[test]
    fn what_follows_a_refusal_is_never_read() {
        let message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        let (read, refused) = read(message);
        assert!(refused && read.starts_with("GET /.refused ") && !read.contains("/x"), "{read}");
    }
}
