//! Reads a blob on a thread for blocking work.
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::runtime::Handle;

use super::{Blob, ByteStream};

/// The content of a blob as a blocking reader. It must not be used on a thread of the runtime.
pub struct BlobReader {
    chunks: ByteStream,
    current: Bytes,
    runtime: Handle,
}

impl BlobReader {
    pub fn new(blob: Blob, runtime: Handle) -> Self {
        BlobReader { chunks: blob.chunks, current: Bytes::new(), runtime }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.runtime.block_on(self.chunks.next()) {
                Some(chunk) => self.current = chunk?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
