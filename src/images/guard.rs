//! Time and size limits of one image operation. They are enforced in the reader and the writer, so that every
//! decoder and encoder stops without support of its own.
use std::{
    cell::Cell,
    io::{self, BufRead, Cursor, Read, Seek, SeekFrom, Write},
    time::{Duration, Instant},
};

use super::{ImageError, Limits, limits};

/// The deadline of an operation, and whether its output exceeded the size limit.
pub struct Guard {
    pub limits: Limits,
    deadline: Instant,
    output_full: Cell<bool>,
}

impl Guard {
    pub fn new(time: Duration, limits: Limits) -> Self {
        Guard { limits, deadline: Instant::now() + time, output_full: Cell::new(false) }
    }

    fn expired(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Returns [`ImageError::Timeout`] after the deadline.
    pub fn check(&self) -> Result<(), ImageError> {
        if self.expired() { Err(ImageError::Timeout) } else { Ok(()) }
    }

    /// Returns the cause of a decoder or encoder error: an exceeded limit, or otherwise `reason`.
    pub fn cause(&self, reason: ImageError) -> ImageError {
        match () {
            () if self.output_full.get() => ImageError::TooLarge,
            () if self.expired() => ImageError::Timeout,
            () => reason,
        }
    }

    /// Checks the dimensions against the limits before memory is allocated. `bytes_per_pixel` is the peak memory
    /// of decoding and encoding, in tenths of a byte: 40 means 4 bytes per pixel.
    pub fn check_dimensions(&self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<(), ImageError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(ImageError::Corrupt);
        }
        let too_wide = width > limits::MAX_SIDE || height > limits::MAX_SIDE;
        if too_wide || pixels > self.limits.pixels || pixels * bytes_per_pixel / 10 > self.limits.memory() {
            return Err(ImageError::TooManyPixels);
        }
        Ok(())
    }

    pub fn input<'a>(&'a self, bytes: &'a [u8]) -> Input<'a> {
        Input { bytes: Cursor::new(bytes), guard: self, reads: 0, expired: false }
    }

    pub fn output(&self) -> Output<'_> {
        Output { bytes: Vec::new(), guard: self }
    }
}

/// A reader that returns end-of-file after the deadline, which stops every decoder.
pub struct Input<'a> {
    bytes: Cursor<&'a [u8]>,
    guard: &'a Guard,
    reads: u32,
    expired: bool,
}

impl Input<'_> {
    /// Reads the clock on one of 256 small reads only, because the clock costs more than a small read.
    fn expired(&mut self) -> bool {
        self.reads = self.reads.wrapping_add(1);
        if self.reads % 256 == 1 {
            self.expired = self.guard.expired();
        }
        self.expired
    }
}

/// Maximum bytes per read, so that the deadline is checked often.
const MAX_READ: usize = 16 << 10;

impl Read for Input<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if to.len() > 64 {
            // Checks the deadline on every large read.
            self.reads = 0;
        }
        if self.expired() {
            return Ok(0);
        }
        let length = to.len().min(MAX_READ);
        self.bytes.read(&mut to[..length])
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.expired() {
            return Ok(&[]);
        }
        let buffer = self.bytes.fill_buf()?;
        Ok(&buffer[..buffer.len().min(MAX_READ)])
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

/// A writer that fails after the deadline or beyond the size limit.
pub struct Output<'a> {
    pub bytes: Vec<u8>,
    guard: &'a Guard,
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() as u64 + bytes.len() as u64 > self.guard.limits.output() {
            self.guard.output_full.set(true);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // Small writes do not read the clock, as in `Input`.
        if bytes.len() > 64 && self.guard.expired() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
