//! The socket's way out: it notes what the peer takes, and parts from it so that it can read why.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::{Socket, Stage};

/// Bytes that a closing connection still swallows, so that a peer in the middle of sending gets to read
/// its answer instead of a reset.
const SWALLOWED: usize = 16 * 1024 * 1024;

impl Socket {
    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.pulse.wrote(written.is_ready());
        written
    }

    /// Reads on until the peer has ended, so that the kernel has no reason to reset the connection.
    fn swallow(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.swallowed < SWALLOWED {
            self.held = Vec::new();
            match ready!(self.fill(cx)) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.swallowed += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.shut = true;
            let linger = self.limits.linger;
            self.pulse.ends_within(linger);
        }
        match self.stage {
            Stage::Body(_) | Stage::Refused(_) => self.swallow(cx),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.pulse.is_reset() {
            // What the peer does not take shall not stay in the kernel either.
            let _ = self.stream.set_zero_linger();
        }
    }
}
