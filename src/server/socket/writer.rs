//! The write half of a connection, shared by hyper and the sources of event streams.
//!
//! On HTTP/1.1, chunks of an event stream may be written without hyper while it has nothing to write: its body has
//! returned no frame since the last flush. hyper flushes the socket only after the socket has accepted all its bytes.
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use parking_lot::Mutex;
use tokio::{io::AsyncWrite, net::tcp::OwnedWriteHalf};

use crate::http::event_stream::{DirectWrite, DirectWriter};

pub struct SocketWriter(Mutex<State>);

struct State {
    /// `None` after the connection is closed.
    half: Option<OwnedWriteHalf>,
    /// Whether hyper has nothing to write.
    is_flushed: bool,
    /// The rest of a direct write, which precedes all later bytes.
    rest: Vec<u8>,
    /// The task of the connection, if it waits until bytes can be written.
    waker: Option<Waker>,
}

impl State {
    /// Writes the rest of a direct write, then calls `write`.
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut OwnedWriteHalf>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let written = self.poll_half(cx, write);
        self.waker = written.is_pending().then(|| cx.waker().clone());
        written
    }

    fn poll_half<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut OwnedWriteHalf>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let half = self.half.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        while !self.rest.is_empty() {
            match ready!(Pin::new(&mut *half).poll_write(cx, &self.rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(self.rest.drain(..written)),
            }
        }
        self.rest = Vec::new();
        write(Pin::new(half), cx)
    }
}

impl SocketWriter {
    pub fn new(half: OwnedWriteHalf) -> Arc<Self> {
        Arc::new(SocketWriter(Mutex::new(State {
            half: Some(half),
            is_flushed: false,
            rest: Vec::new(),
            waker: None,
        })))
    }

    /// Rejects direct writes until hyper has flushed the frame that the body returns.
    pub fn pause(&self) {
        self.0.lock().is_flushed = false;
    }

    /// Closes the connection. A reset also discards the send buffer of the kernel.
    pub fn close(&self, reset: bool) {
        let Some(half) = self.0.lock().half.take() else { return };
        if reset {
            let _ = half.as_ref().set_zero_linger();
        }
        // Dropping it would send the rest of the send buffer first.
        half.forget();
    }

    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll(cx, |half, cx| half.poll_write(cx, bytes))
    }

    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().poll(cx, |half, cx| half.poll_write_vectored(cx, bytes))
    }

    /// Writes the rest of a direct write. Returns whether there was one.
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut state = self.0.lock();
        let had_rest = !state.rest.is_empty();
        ready!(state.poll(cx, |_, _| Poll::Ready(Ok(()))))?;
        state.is_flushed = true;
        Poll::Ready(Ok(had_rest))
    }

    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll(cx, |half, cx| half.poll_shutdown(cx))
    }
}

impl DirectWriter for SocketWriter {
    fn try_write(&self, chunks: &[IoSlice<'_>]) -> DirectWrite {
        let mut state = self.0.lock();
        let State { half: Some(half), is_flushed: true, rest, .. } = &mut *state else {
            return DirectWrite::Rejected;
        };
        let written = match chunks {
            [chunk] => half.try_write(chunk),
            _ => half.try_write_vectored(chunks),
        };
        // An error is returned by the next write of hyper too.
        let Ok(mut written) = written else { return DirectWrite::Rejected };
        if written == 0 {
            return DirectWrite::Rejected;
        }
        for chunk in chunks {
            let from_this_chunk = written.min(chunk.len());
            rest.extend_from_slice(&chunk[from_this_chunk..]);
            written -= from_this_chunk;
        }
        state.is_flushed = state.rest.is_empty();
        if state.is_flushed { DirectWrite::Done } else { DirectWrite::Partial }
    }

    fn reset(&self) {
        self.close(true);
        // The write of the task now returns an error, and the connection ends.
        let waker = self.0.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
