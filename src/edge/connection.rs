//! One connection: when it last made progress, and the streams that tell.
use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

use super::{inbound::Inbound, limits::Limits, refusal::Refusal};

/// What a connection is doing.
pub struct Progress {
    start: Instant,
    /// Answers that are being sent.
    sending: AtomicUsize,
    /// Requests that are being answered.
    pub running: AtomicUsize,
    /// When it last moved, in milliseconds since `start`.
    moved: AtomicU64,
    /// When the last bytes came in.
    heard: AtomicU64,
    /// When the head that is coming in began, plus one; 0 when none is.
    head: AtomicU64,
    /// Why the connection's last request is not let through.
    pub(super) refusal: OnceLock<Refusal>,
}

impl Progress {
    pub fn new() -> Arc<Self> {
        Arc::new(Progress {
            start: Instant::now(),
            sending: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            moved: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            head: AtomicU64::new(0),
            refusal: OnceLock::new(),
        })
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    pub fn touch(&self) {
        self.moved.store(self.now(), Relaxed);
    }

    /// Milliseconds without progress while something is being sent.
    pub fn stalled(&self) -> u64 {
        if self.sending.load(Relaxed) == 0 { 0 } else { self.now().saturating_sub(self.moved.load(Relaxed)) }
    }

    /// Milliseconds since a head began that has not ended.
    pub fn slow(&self) -> u64 {
        match self.head.load(Relaxed) {
            0 => 0,
            began => self.now().saturating_sub(began - 1),
        }
    }

    fn reading(&self, waits: bool) {
        match (waits, self.head.load(Relaxed)) {
            (true, 0) => self.head.store(self.now() + 1, Relaxed),
            (false, 1..) => self.head.store(0, Relaxed),
            _ => {}
        }
    }

    /// Milliseconds in which nothing was asked and nothing answered.
    pub fn idle(&self) -> u64 {
        if self.sending.load(Relaxed) + self.running.load(Relaxed) > 0 {
            return 0;
        }
        self.now().saturating_sub(self.heard.load(Relaxed).max(self.moved.load(Relaxed)))
    }
}

/// An answer's body that notes when the client takes of it.
pub struct Outgoing {
    inner: BoxBody<Bytes, io::Error>,
    progress: Arc<Progress>,
}

impl Outgoing {
    pub fn new(inner: BoxBody<Bytes, io::Error>, progress: Arc<Progress>) -> Self {
        progress.touch();
        progress.sending.fetch_add(1, Relaxed);
        Outgoing { inner, progress }
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if frame.is_ready() {
            self.progress.touch();
        }
        frame
    }
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.progress.sending.fetch_sub(1, Relaxed);
    }
}

/// The socket: a write that moves counts as progress, one that stays pending as sending.
pub struct Socket {
    stream: TcpStream,
    progress: Arc<Progress>,
    pending: bool,
    /// The judge of what comes in; none for HTTP/2, whose frames are no text.
    inbound: Option<Inbound>,
    limits: Arc<Limits>,
    /// After a refusal: how long the rest of what the client sends is still taken, so that it reads why.
    linger: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub fn new(stream: TcpStream, progress: Arc<Progress>, limits: Arc<Limits>, judged: bool) -> Self {
        let inbound = judged.then(Inbound::new);
        Socket { stream, progress, pending: false, inbound, limits, linger: None }
    }

    fn note(&mut self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(_) => {
                self.progress.touch();
                if std::mem::take(&mut self.pending) {
                    self.progress.sending.fetch_sub(1, Relaxed);
                }
            }
            Poll::Pending if !self.pending => {
                self.pending = true;
                self.progress.sending.fetch_add(1, Relaxed);
            }
            Poll::Pending => {}
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Socket { stream, progress, inbound, limits, .. } = self.get_mut();
        let Some(inbound) = inbound else {
            let read = Pin::new(stream).poll_read(cx, into);
            if read.is_ready() {
                progress.heard.store(progress.now(), Relaxed);
            }
            return read;
        };
        loop {
            if !inbound.is_empty() {
                let count = inbound.take(into.initialize_unfilled());
                into.advance(count);
                return Poll::Ready(Ok(()));
            }
            let mut space = [0u8; 8192];
            let mut fresh = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut fresh))?;
            progress.heard.store(progress.now(), Relaxed);
            if fresh.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            inbound.feed(fresh.filled(), limits);
            progress.reading(inbound.waits());
            if let Some(refusal) = inbound.refusal {
                let _ = progress.refusal.set(refusal);
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&written);
        written
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.note(&written);
        written
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Socket { stream, progress, linger, .. } = self.get_mut();
        ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        if progress.refusal.get().is_none() {
            return Poll::Ready(Ok(()));
        }
        let until = linger.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        loop {
            let mut space = [0u8; 8192];
            let mut rest = ReadBuf::new(&mut space);
            match Pin::new(&mut *stream).poll_read(cx, &mut rest) {
                Poll::Ready(Ok(())) if !rest.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return until.as_mut().poll(cx).map(Ok),
            }
        }
    }
}
