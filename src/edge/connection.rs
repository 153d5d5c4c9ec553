//! What passes over a connection: requests' bodies coming in, answers' bodies going out, each under watch.
use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{
    Response,
    body::{Body, Frame, SizeHint},
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

use super::{
    body::BodyError,
    compression::Kept,
    pulse::{Exchange, Pulse},
    shares::Held,
};

/// An answer's body up to this size costs little to keep for a slow reader.
const SMALL: u64 = 64 * 1024;
/// Bytes handed on at once.
const PIECE: usize = 16 * 1024;

/// Below this, counting costs more than it saves.
const LIGHT: u64 = 1024;

/// An answer's body that notes when the client takes of it.
pub struct Outgoing {
    inner: BoxBody<Bytes, io::Error>,
    exchange: Exchange,
    id: u64,
    rest: Bytes,
    load: Arc<Load>,
}

/// What an answer costs until its last piece is taken.
struct Load {
    _turn: Option<OwnedSemaphorePermit>,
    _held: Option<Held>,
}

/// A piece of an answer on its way: the parser drops it when the socket has taken it.
struct Piece {
    bytes: Bytes,
    pulse: Arc<Pulse>,
    id: u64,
    _load: Arc<Load>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.pulse.body_waits(self.id, false);
    }
}

/// The bytes that an answer keeps in memory until it is taken.
pub fn weight(response: &Response<BoxBody<Bytes, io::Error>>) -> Option<u64> {
    let kept_anyway = response.extensions().get::<Kept>().is_some();
    response.body().size_hint().exact().filter(|size| *size > LIGHT && !kept_anyway)
}

impl Outgoing {
    /// The turn among the large answers is kept until the last piece is taken, or given back at once.
    pub fn new(
        inner: BoxBody<Bytes, io::Error>,
        exchange: Exchange,
        turn: Option<OwnedSemaphorePermit>,
        held: Option<Held>,
    ) -> Self {
        let turn = turn.filter(|_| inner.size_hint().exact().is_some_and(|size| size > SMALL));
        let id = exchange.0.body();
        let load = Arc::new(Load { _turn: turn, _held: held });
        Outgoing { inner, exchange, id, rest: Bytes::new(), load }
    }

    fn piece(&mut self) -> Bytes {
        let bytes = self.rest.split_to(PIECE.min(self.rest.len()));
        let pulse = self.exchange.0.clone();
        Bytes::from_owner(Piece { bytes, id: pulse.body(), pulse, _load: self.load.clone() })
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.get_mut();
        let pulse = &body.exchange.0;
        if body.rest.is_empty() {
            let frame = Pin::new(&mut body.inner).poll_frame(cx);
            pulse.body_waits(body.id, matches!(frame, Poll::Ready(Some(_))));
            match ready!(frame) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => body.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        } else {
            pulse.body_waits(body.id, true);
        }
        Poll::Ready(Some(Ok(Frame::data(body.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.rest.len() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + held);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + held);
        }
        hint
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.exchange.0.body_waits(self.id, false);
    }
}

/// What became of a request's body.
#[derive(Default)]
pub struct Meter(Mutex<Reading>);

#[derive(Default)]
struct Reading {
    failure: Option<BodyError>,
    /// Nobody wanted all of it.
    left_over: bool,
    since: Option<Instant>,
    waited: Duration,
}

impl Meter {
    fn reading<T>(&self, change: impl FnOnce(&mut Reading) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn failure(&self) -> Option<BodyError> {
        self.reading(|reading| reading.failure)
    }

    /// Whether some of the body was not read: what follows it on the connection is not found any more.
    pub fn left_over(&self) -> bool {
        self.reading(|reading| reading.left_over)
    }

    /// How long the operation has waited for the peer.
    fn waited(&self) -> Duration {
        self.reading(|reading| reading.waited + reading.since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// Ends when an operation has had `time` for itself.
    pub async fn used_up(&self, time: Duration) {
        let begin = Instant::now();
        loop {
            let end = begin + time + self.waited();
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// A request's body that ends with an error when it comes too slowly or gets too large.
pub struct Incoming {
    inner: BoxBody<Bytes, io::Error>,
    meter: Arc<Meter>,
    end: Pin<Box<Sleep>>,
    left: u64,
    ended: bool,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let left_over = !self.ended && !self.inner.is_end_stream();
        self.meter.reading(|reading| reading.left_over = left_over);
    }
}

impl Incoming {
    pub fn new(inner: BoxBody<Bytes, io::Error>, meter: Arc<Meter>, time: Duration, bytes: u64) -> Self {
        Incoming { inner, meter, end: Box::pin(tokio::time::sleep(time)), left: bytes, ended: false }
    }

    fn fail(&self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.meter.reading(|reading| reading.failure = Some(error));
        Poll::Ready(Some(Err(error.into())))
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(error) = self.meter.failure() {
            return self.fail(error);
        }
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        self.meter.reading(|reading| match frame.is_pending() {
            true => _ = reading.since.get_or_insert_with(Instant::now),
            false => reading.waited += reading.since.take().map_or(Duration::ZERO, |since| since.elapsed()),
        });
        match frame {
            Poll::Pending => {
                ready!(self.end.as_mut().poll(cx));
                self.fail(BodyError::TooSlow)
            }
            Poll::Ready(Some(Ok(frame))) => {
                let size = frame.data_ref().map_or(0, Bytes::len) as u64;
                match self.left.checked_sub(size) {
                    Some(left) => self.left = left,
                    None => return self.fail(BodyError::TooLarge),
                }
                // A drip of bytes is never pending for long: its time ends as well.
                if self.end.as_mut().poll(cx).is_ready() && !self.inner.is_end_stream() {
                    return self.fail(BodyError::TooSlow);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => self.fail(BodyError::Broken),
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
