//! The write half of the socket: reports progress to the timers, and closes without losing the last response.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::{Socket, Stage};

/// Bytes that a closing connection reads and discards. A client that is still sending would otherwise get a
/// reset before it can read its response.
const MAX_DISCARDED: usize = 16 * 1024 * 1024;

impl Socket {
    fn record(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.timers.record_write(written.is_ready());
        written
    }

    /// Discards input until the client has closed. Unread input makes the kernel send a reset, which destroys
    /// the response in flight.
    fn discard_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.discarded < MAX_DISCARDED {
            self.buffer = Vec::new();
            match ready!(self.fill(cx)) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.discarded += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.writer.poll_write(cx, bytes);
        self.record(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.writer.poll_write_vectored(cx, bytes);
        self.record(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.writer.poll_flush(cx);
        if !matches!(flushed, Poll::Ready(Ok(false))) {
            self.timers.record_write(flushed.is_ready());
        }
        flushed.map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shutdown_sent {
            ready!(self.writer.poll_shutdown(cx))?;
            self.shutdown_sent = true;
            let linger = self.limits.linger;
            self.timers.shut_down_within(linger);
        }
        match self.stage {
            Stage::Body(_) | Stage::Placeholder(_) => self.discard_input(cx),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A client that does not read is reset, so that the kernel does not retain its send buffer.
        self.writer.close(self.timers.is_reset());
    }
}
