//! Follows a chunked body (RFC 9112, 7.1) to its end, so that the next request on the connection is found
//! where the parser behind finds it.

/// Where in the body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
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

/// The bytes break the rules of the framing.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// The state of one chunked body.
#[derive(Debug)]
pub struct Chunks {
    place: Place,
    size: u64,
    overhead: u16,
}

/// Bytes of extensions and trailers in one body: nobody here reads them.
const OVERHEAD: u16 = 4096;

impl Chunks {
    pub fn new() -> Self {
        Chunks { place: Place::Size { value: 0, digits: 0 }, size: 0, overhead: 0 }
    }

    pub fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// How many of `bytes` belong to this body.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            if let Place::Data(left) = self.place {
                let taken = left.min((bytes.len() - at) as u64);
                at += taken as usize;
                self.place = if taken == left { Place::DataEnd } else { Place::Data(left - taken) };
                continue;
            }
            self.place = self.step(bytes[at])?;
            at += 1;
        }
        Ok(at)
    }

    fn step(&mut self, byte: u8) -> Result<Place, Broken> {
        Ok(match (self.place, byte) {
            (Place::Size { value, digits }, _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = (byte as char).to_digit(16).unwrap_or(0);
                Place::Size { value: value * 16 + u64::from(digit), digits: digits + 1 }
            }
            (Place::Size { value, digits: 1.. }, b'\r' | b';') => {
                self.size = value;
                if byte == b'\r' { Place::SizeEnd } else { Place::Extension }
            }
            (Place::Extension, b'\r') => Place::SizeEnd,
            (Place::Extension, _) if byte >= b' ' || byte == b'\t' => {
                self.spend()?;
                Place::Extension
            }
            (Place::SizeEnd, b'\n') if self.size == 0 => Place::Trailer { empty: true },
            (Place::SizeEnd, b'\n') => Place::Data(self.size),
            (Place::DataEnd, b'\r') => Place::DataEndLine,
            (Place::DataEndLine, b'\n') => Place::Size { value: 0, digits: 0 },
            (Place::Trailer { empty }, b'\r') => Place::TrailerEnd { last: empty },
            (Place::Trailer { .. }, _) if byte >= b' ' || byte == b'\t' => {
                self.spend()?;
                Place::Trailer { empty: false }
            }
            (Place::TrailerEnd { last: true }, b'\n') => Place::Done,
            (Place::TrailerEnd { last: false }, b'\n') => Place::Trailer { empty: true },
            _ => return Err(Broken),
        })
    }

    fn spend(&mut self) -> Result<(), Broken> {
        self.overhead += 1;
        (self.overhead < OVERHEAD).then_some(()).ok_or(Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows byte by byte and in one go: both must agree.
    fn end(bytes: &[u8]) -> Result<Option<usize>, Broken> {
        let mut whole = Chunks::new();
        let taken = whole.follow(bytes)?;
        let mut single = Chunks::new();
        let mut count = 0;
        for byte in bytes {
            count += single.follow(&[*byte])?;
        }
        assert_eq!((taken, whole.is_done()), (count, single.is_done()));
        Ok(whole.is_done().then_some(taken))
    }

    #[test]
    fn the_end_is_found() {
        assert_eq!(end(b"0\r\n\r\nGET"), Ok(Some(5)));
        assert_eq!(end(b"3\r\nabc\r\n0\r\n\r\n"), Ok(Some(13)));
        assert_eq!(end(b"A;x=y\r\n0123456789\r\n00\r\nX: y\r\n\r\nrest"), Ok(Some(31)));
        assert_eq!(end(b"5\r\nab"), Ok(None));
    }

    #[test]
    fn lenient_forms_are_broken() {
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
            assert_eq!(end(bytes), Err(Broken), "{bytes:?}");
        }
        let long = format!("1;{}\r\n", "x".repeat(5000));
        assert_eq!(end(long.as_bytes()), Err(Broken));
    }
}
