//! The end of the time that a picture is given, held by what every decoder reads from and every encoder
//! writes to, so that no decoder has to know of it.
use std::{
    cell::Cell,
    io::{self, BufRead, Cursor, Read, Seek, SeekFrom, Write},
    time::{Duration, Instant},
};

use super::{Refused, limits};

pub struct Guard {
    end: Instant,
    full: Cell<bool>,
}

impl Guard {
    pub fn new(time: Duration) -> Self {
        Guard { end: Instant::now() + time, full: Cell::new(false) }
    }

    fn over(&self) -> bool {
        Instant::now() >= self.end
    }

    pub fn check(&self) -> Result<(), Refused> {
        if self.over() { Err(Refused::TooSlow) } else { Ok(()) }
    }

    /// The reason why a decoder or encoder failed: ours, if we stopped it, or else `reason`.
    pub fn blame(&self, reason: Refused) -> Refused {
        match () {
            () if self.full.get() => Refused::TooLarge,
            () if self.over() => Refused::TooSlow,
            () => reason,
        }
    }

    pub fn input<'a>(&'a self, bytes: &'a [u8]) -> Input<'a> {
        Input { bytes: Cursor::new(bytes), guard: self, reads: 0, over: false }
    }

    pub fn output(&self) -> Output<'_> {
        Output { bytes: Vec::new(), guard: self }
    }
}

/// Refuses what would take more than the limits; `each` is the bytes that a pixel takes while the picture
/// is decoded and written, in tenths.
pub fn afford(width: u32, height: u32, each: u64) -> Result<(), Refused> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(Refused::Broken);
    }
    let wide = width > limits::SIDE || height > limits::SIDE;
    if wide || pixels > limits::PIXELS || pixels * each / 10 > limits::MEMORY {
        return Err(Refused::TooManyPixels);
    }
    Ok(())
}

/// The bytes of a picture, which end when the time does: decoders stop at an end wherever they are.
pub struct Input<'a> {
    bytes: Cursor<&'a [u8]>,
    guard: &'a Guard,
    reads: u32,
    over: bool,
}

impl Input<'_> {
    /// Asking for the time costs more than reading a byte, so not every read does.
    fn over(&mut self) -> bool {
        self.reads = self.reads.wrapping_add(1);
        if self.reads % 256 == 1 {
            self.over = self.guard.over();
        }
        self.over
    }
}

/// No decoder gets more at once, so that it comes back before it has done much.
const PIECE: usize = 16 << 10;

impl Read for Input<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.len() > 64 {
            self.reads = 0;
        }
        if self.over() {
            return Ok(0);
        }
        let most = to.len().min(PIECE);
        self.bytes.read(&mut to[..most])
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.over() {
            return Ok(&[]);
        }
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(PIECE)])
    }

    fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Where an encoder writes: it fails when the time is over or the picture becomes too large.
pub struct Output<'a> {
    pub bytes: Vec<u8>,
    guard: &'a Guard,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() as u64 + bytes.len() as u64 > limits::WRITTEN {
            self.guard.full.set(true);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if bytes.len() > 64 && self.guard.over() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
