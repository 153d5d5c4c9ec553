//! Finds the end of a chunked body (RFC 9112, 7.1).
//!
//! The socket must agree with hyper on where a message ends; otherwise bytes of one request could be parsed
//! as the next one (request smuggling). The grammar is therefore strict: one line ending, no whitespace,
//! bounded extensions and trailers.

/// The parser state: the expected element of the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u8 },
    Extension,
    SizeEnd,
    Data(u64),
    DataEnd,
    DataEndLine,
    Trailer { empty: bool },
    TrailerEnd { last: bool },
    Done,
}

/// The bytes violate the chunked framing.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidFraming;

/// The parser of one chunked body.
#[derive(Debug)]
pub struct ChunkedParser {
    state: State,
    size: u64,
    overhead: u16,
}

/// Maximum bytes of chunk extensions and trailers in one body. The service reads neither.
const MAX_OVERHEAD: u16 = 4096;

impl ChunkedParser {
    pub fn new() -> Self {
        ChunkedParser { state: State::Size { value: 0, digits: 0 }, size: 0, overhead: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Consumes `bytes` and returns how many of them belong to this body.
    pub fn consume(&mut self, bytes: &[u8]) -> Result<usize, InvalidFraming> {
        let mut position = 0;
        while position < bytes.len() && !self.is_done() {
            if let State::Data(left) = self.state {
                let consumed = left.min((bytes.len() - position) as u64);
                position += consumed as usize;
                self.state = if consumed == left { State::DataEnd } else { State::Data(left - consumed) };
                continue;
            }
            self.state = self.step(bytes[position])?;
            position += 1;
        }
        Ok(position)
    }

    fn step(&mut self, byte: u8) -> Result<State, InvalidFraming> {
        Ok(match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                State::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
            }
            (State::Size { value, digits: 1.. }, b'\r' | b';') => {
                self.size = value;
                if byte == b'\r' { State::SizeEnd } else { State::Extension }
            }
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, _) if byte >= b' ' || byte == b'\t' => {
                self.count_overhead()?;
                State::Extension
            }
            (State::SizeEnd, b'\n') if self.size == 0 => State::Trailer { empty: true },
            (State::SizeEnd, b'\n') => State::Data(self.size),
            (State::DataEnd, b'\r') => State::DataEndLine,
            (State::DataEndLine, b'\n') => State::Size { value: 0, digits: 0 },
            (State::Trailer { empty }, b'\r') => State::TrailerEnd { last: empty },
            (State::Trailer { .. }, _) if byte >= b' ' || byte == b'\t' => {
                self.count_overhead()?;
                State::Trailer { empty: false }
            }
            (State::TrailerEnd { last: true }, b'\n') => State::Done,
            (State::TrailerEnd { last: false }, b'\n') => State::Trailer { empty: true },
            _ => return Err(InvalidFraming),
        })
    }

    fn count_overhead(&mut self) -> Result<(), InvalidFraming> {
        self.overhead += 1;
        (self.overhead < MAX_OVERHEAD).then_some(()).ok_or(InvalidFraming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses `bytes` byte by byte and at once: both must find the same end.
    fn find_end(bytes: &[u8]) -> Result<Option<usize>, InvalidFraming> {
        let mut at_once = ChunkedParser::new();
        let consumed = at_once.consume(bytes)?;
        let mut bytewise = ChunkedParser::new();
        let mut count = 0;
        for byte in bytes {
            count += bytewise.consume(&[*byte])?;
        }
        assert_eq!((consumed, at_once.is_done()), (count, bytewise.is_done()));
        Ok(at_once.is_done().then_some(consumed))
    }

    #[test]
    fn finds_the_end() {
        assert_eq!(find_end(b"0\r\n\r\nGET"), Ok(Some(5)));
        assert_eq!(find_end(b"3\r\nabc\r\n0\r\n\r\n"), Ok(Some(13)));
        assert_eq!(find_end(b"A;x=y\r\n0123456789\r\n00\r\nX: y\r\n\r\nrest"), Ok(Some(31)));
        assert_eq!(find_end(b"5\r\nab"), Ok(None));
    }

    #[test]
    fn rejects_lenient_framing() {
        for bytes in [
            &b"\r\n"[..],
            b"g\r\n",
            b"0x3\r\n",
            b"3\nabc",
            b"3 \r\nabc",
            b"3\r\nabcd",
            b"3\r\nabc\n0",
            b"-1\r\n",
            b"ffffffffffffffff\r\n",
            b"0\r\nX: y\n\r\n",
        ] {
            assert_eq!(find_end(bytes), Err(InvalidFraming), "{bytes:?}");
        }
        let long = format!("1;{}\r\n", "x".repeat(5000));
        assert_eq!(find_end(long.as_bytes()), Err(InvalidFraming));
    }
}
