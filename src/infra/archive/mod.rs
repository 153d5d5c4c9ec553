//! Archives of backups: tar files whose last entry is a list of the SHA-256 hashes of all others, in the format of
//! `sha256sum`. They are written and read as streams.
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io::{self, Read};

use ring::digest::{Context, SHA256};

pub use read::{ArchiveError, Entry, read_archive, verify_archive};
pub use write::ArchiveWriter;

/// The name of the last entry.
pub const MANIFEST: &str = "SHA256SUMS";

/// Maximum length of the path of an entry. A longer one would need an extension of the format.
pub const MAX_PATH: usize = 99;

/// Bytes per read.
const CHUNK: usize = 64 * 1024;

/// Counts and hashes the bytes that are read.
pub struct HashingReader<R> {
    inner: R,
    hash: Context,
    count: u64,
}

impl<R: Read> HashingReader<R> {
    pub fn new(inner: R) -> Self {
        HashingReader { inner, hash: Context::new(&SHA256), count: 0 }
    }

    /// Returns the number of bytes and their SHA-256 hash in hexadecimal digits.
    pub fn finish(self) -> (u64, String) {
        let hash = self.hash.finish();
        (self.count, hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads the remaining bytes.
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.count += read as u64;
        Ok(read)
    }
}

/// Returns the SHA-256 hash of bytes in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    ring::digest::digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a line of the manifest.
fn line(hash: &str, path: &str) -> String {
    format!("{hash}  {path}\n")
}
