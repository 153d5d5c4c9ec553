//! Bodies of requests and responses: request bodies with a deadline and a size limit, response bodies with
//! backpressure accounting.
use std::{
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{
    Response,
    body::{Body, Frame, SizeHint},
};
use parking_lot::Mutex;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use super::{
    client_limits::BufferPermit,
    compression::CompressedVariants,
    request_body::BodyError,
    socket::SocketWriter,
    timeouts::{ConnectionTimers, Exchange},
};

/// Response bodies up to this size, in bytes, release their permit for large responses immediately.
pub const SMALL_BODY: u64 = 64 * 1024;
/// Bytes of a response body per frame.
const CHUNK_SIZE: usize = 16 * 1024;

/// Responses up to this size, in bytes, do not count against the memory limits: the accounting would cost more
/// than it saves.
const MIN_COUNTED: u64 = 1024;

/// A response body that reports to the connection timers whether it waits for the client or for its source.
///
/// A frame leaves this body long before the client has read it: hyper buffers frames, and HTTP/2 flow control
/// delays them. Each chunk is therefore tracked until hyper has written it to the socket and drops it. The
/// memory permit and the concurrency permit of the response are released with the last chunk.
pub enum ResponseBody {
    /// A body whose chunks are tracked.
    Tracked(TrackedBody),
    /// A small body that shares its bytes with the cache, on an HTTP/1 connection. It fits into the buffer of the
    /// kernel, so it needs no permit, and the timer of the socket detects a client that does not read.
    Shared { bytes: Bytes, _exchange: Exchange },
}

pub struct TrackedBody {
    inner: BoxBody<Bytes, io::Error>,
    exchange: Exchange,
    id: u64,
    pending: Bytes,
    permits: Arc<Permits>,
    /// The connection, if other tasks write chunks of this body to it.
    direct: Option<Arc<SocketWriter>>,
}

/// The permits that a response holds until its last chunk is written to the socket.
struct Permits {
    _large: Option<OwnedSemaphorePermit>,
    _buffer: Option<BufferPermit>,
}

/// A chunk of a response body. hyper drops it after the socket has accepted all of its bytes.
struct Chunk {
    bytes: Bytes,
    timers: Arc<ConnectionTimers>,
    id: u64,
    _permits: Arc<Permits>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.timers.set_waiting(self.id, false);
    }
}

/// Returns the size of a response body that counts against the memory limits. Returns `None` for small bodies,
/// streams and bodies shared with the compression cache.
pub fn buffered_bytes(response: &Response<BoxBody<Bytes, io::Error>>) -> Option<u64> {
    let shared = response.extensions().get::<CompressedVariants>().is_some();
    response.body().size_hint().exact().filter(|size| *size > MIN_COUNTED && !shared)
}

impl ResponseBody {
    /// Wraps a response body. `large`, the permit for large responses, is held until the last chunk is
    /// written; a small response releases it immediately. `direct` is the connection, if other tasks write chunks of
    /// the body to it.
    pub fn new(
        inner: BoxBody<Bytes, io::Error>,
        exchange: Exchange,
        (large, buffer): (Option<OwnedSemaphorePermit>, Option<BufferPermit>),
        direct: Option<Arc<SocketWriter>>,
    ) -> Self {
        let large = large.filter(|_| inner.size_hint().exact().is_some_and(|size| size > SMALL_BODY));
        let id = exchange.0.register_body();
        let permits = Arc::new(Permits { _large: large, _buffer: buffer });
        ResponseBody::Tracked(TrackedBody { inner, exchange, id, pending: Bytes::new(), permits, direct })
    }

    /// Wraps the bytes of a cached response.
    pub fn shared(bytes: Bytes, exchange: Exchange) -> Self {
        ResponseBody::Shared { bytes, _exchange: exchange }
    }
}

impl TrackedBody {
    fn next_chunk(&mut self) -> Bytes {
        let bytes = self.pending.split_to(CHUNK_SIZE.min(self.pending.len()));
        let timers = self.exchange.0.clone();
        Bytes::from_owner(Chunk { bytes, id: timers.register_body(), timers, _permits: self.permits.clone() })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            ResponseBody::Tracked(body) => body.poll_frame(cx),
            ResponseBody::Shared { bytes, .. } if bytes.is_empty() => Poll::Ready(None),
            ResponseBody::Shared { bytes, .. } => Poll::Ready(Some(Ok(Frame::data(mem::take(bytes))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Tracked(body) => body.is_end_stream(),
            ResponseBody::Shared { bytes, .. } => bytes.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ResponseBody::Tracked(body) => body.size_hint(),
            ResponseBody::Shared { bytes, .. } => SizeHint::with_exact(bytes.len() as u64),
        }
    }
}

impl TrackedBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self;
        let timers = &body.exchange.0;
        if body.pending.is_empty() {
            let frame = Pin::new(&mut body.inner).poll_frame(cx);
            // While the source has no data, the client is not stalled.
            timers.set_waiting(body.id, matches!(frame, Poll::Ready(Some(_))));
            let frame = ready!(frame);
            if let Some(connection) = &body.direct {
                connection.pause();
            }
            match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => body.pending = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        } else {
            timers.set_waiting(body.id, true);
        }
        Poll::Ready(Some(Ok(Frame::data(body.next_chunk()))))
    }

    fn is_end_stream(&self) -> bool {
        self.pending.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let pending = self.pending.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + pending);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + pending);
        }
        hint
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.exchange.0.set_waiting(self.id, false);
    }
}

/// Progress of a request body, shared by the body and the task that waits for the handler.
#[derive(Default)]
pub struct RequestBodyProgress(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    failure: Option<BodyError>,
    /// The body was dropped before its end.
    unread: bool,
    waiting_since: Option<Instant>,
    waited: Duration,
}

impl RequestBodyProgress {
    fn with_lock<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        change(&mut self.0.lock())
    }

    pub fn failure(&self) -> Option<BodyError> {
        self.with_lock(|progress| progress.failure)
    }

    /// Returns whether part of the body was not read. Then the connection must close, because the start of
    /// the next request cannot be found.
    pub fn unread(&self) -> bool {
        self.with_lock(|progress| progress.unread)
    }

    /// Returns the time that the handler has spent waiting for the client to send its body.
    fn waited(&self) -> Duration {
        self.with_lock(|progress| {
            progress.waited + progress.waiting_since.map_or(Duration::ZERO, |since| since.elapsed())
        })
    }

    /// Completes when the handler has run for `time`, excluding the time that it waited for the request body.
    pub async fn handler_timeout(&self, time: Duration) {
        let start = Instant::now();
        loop {
            let deadline = start + time + self.waited();
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// Bytes of a request body that extend its deadline by the time limit. A fixed time for a body of 20 MiB would exclude clients
/// with a slow connection, or allow small bodies to be slow.
const EXTENDING_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

/// A request body that fails if it arrives too slowly or exceeds its size limit.
pub struct RequestBody {
    inner: BoxBody<Bytes, io::Error>,
    progress: Arc<RequestBodyProgress>,
    time: Duration,
    deadline: Pin<Box<Sleep>>,
    remaining: u64,
    ended: bool,
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = !self.ended && !self.inner.is_end_stream();
        self.progress.with_lock(|progress| progress.unread = unread);
    }
}

impl RequestBody {
    pub fn new(
        inner: BoxBody<Bytes, io::Error>,
        progress: Arc<RequestBodyProgress>,
        time: Duration,
        bytes: u64,
    ) -> Self {
        RequestBody {
            inner,
            progress,
            time,
            deadline: Box::pin(tokio::time::sleep(time)),
            remaining: bytes,
            ended: false,
        }
    }

    fn fail(&self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.progress.with_lock(|progress| progress.failure = Some(error));
        Poll::Ready(Some(Err(error.into())))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(error) = self.progress.failure() {
            return self.fail(error);
        }
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        self.progress.with_lock(|progress| match frame.is_pending() {
            true => _ = progress.waiting_since.get_or_insert_with(Instant::now),
            false => {
                progress.waited +=
                    progress.waiting_since.take().map_or(Duration::ZERO, |since| since.elapsed())
            }
        });
        match frame {
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(cx));
                self.fail(BodyError::Timeout)
            }
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, Bytes::len) as u64;
                match self.remaining.checked_sub(size) {
                    Some(remaining) => self.remaining = remaining,
                    None => return self.fail(BodyError::TooLarge),
                }
                // A client that sends a byte at a time is never pending for long, so the deadline is checked
                // here too.
                if self.deadline.as_mut().poll(cx).is_ready() && !self.inner.is_end_stream() {
                    return self.fail(BodyError::Timeout);
                }
                let deadline = self.deadline.deadline() + self.time.mul_f64(size as f64 / EXTENDING_BYTES);
                self.deadline.as_mut().reset(deadline);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => self.fail(BodyError::Incomplete),
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
