//! Server-sent events (HTML Standard, section 9.2), through the body of the response or directly to its connection.
use std::{
    io::{self, IoSlice, Write},
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
    types::Type,
};

use super::{
    cache_control::CacheControl,
    operation::{DeclareResponse, MediaType, Operation, ResponseSpec},
    response::{UNUSED_META, set_header},
};

const MEDIA: &str = "text/event-stream";

/// The write half of a connection whose response is an event stream.
///
/// An event for 1,000 streams would otherwise wake 1,000 tasks, and each would pass it through its body and hyper,
/// which takes almost as long as the writes.
pub trait DirectWriter: Send + Sync {
    /// Writes chunks of [`encode_chunk`] to the connection without waiting. Must be called only while the body of the
    /// response is pending and has returned everything that precedes the chunks.
    fn try_write(&self, chunks: &[IoSlice<'_>]) -> DirectWrite;

    /// Resets the connection, and discards the bytes that are not sent.
    fn reset(&self);
}

/// The result of a direct write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectWrite {
    /// The kernel has accepted all bytes.
    Done,
    /// The connection has accepted all bytes, and writes the rest when its task is woken.
    Partial,
    /// Nothing is written: the chunks must be sent through the body.
    Rejected,
}

/// The connection of a stream. The server sets it if the response has a chunked body on an HTTP/1.1 connection.
#[derive(Clone, Default)]
pub struct StreamConnection(Arc<OnceLock<Arc<dyn DirectWriter>>>);

impl StreamConnection {
    pub fn get(&self) -> Option<&dyn DirectWriter> {
        self.0.get().map(|writer| &**writer)
    }

    /// Sets the connection, unless it is set already.
    pub fn set(&self, writer: Arc<dyn DirectWriter>) {
        let _ = self.0.set(writer);
    }
}

/// Returns a chunk with these bytes (RFC 9112, section 7.1).
pub fn encode_chunk(bytes: &[u8]) -> Bytes {
    let mut chunk = Vec::with_capacity(bytes.len() + 12);
    // Writing to a `Vec` cannot fail.
    let _ = write!(chunk, "{:x}\r\n", bytes.len());
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk.into()
}

/// A `text/event-stream` response. The `data` of each event is one JSON text of the schema `T`.
pub struct EventStream<T>(Response, PhantomData<fn() -> T>);

impl<T> EventStream<T> {
    /// Sends frames that are already encoded as events. Further frames may be written to `connection`.
    pub fn new(frames: impl Stream<Item = Bytes> + Send + 'static, connection: StreamConnection) -> Self {
        let body = Body::from_bytes_stream(frames.map(Ok::<_, io::Error>));
        let mut response = Response::builder().status(StatusCode::OK).content_type(MEDIA).body(body);
        // Some proxies buffer responses and would not forward an event until their buffer is full.
        set_header(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
        CacheControl::NoStore.apply(&mut response);
        // A proxy that compresses a stream delays its events.
        set_header(&mut response, header::CACHE_CONTROL, "no-store, no-transform");
        response.extensions_mut().insert(connection);
        EventStream(response, PhantomData)
    }
}

impl<T> EventStream<T> {
    /// Sends one frame and ends.
    pub fn single(frame: Bytes) -> Self {
        EventStream::new(stream::once(async { frame }), StreamConnection::default())
    }
}

/// The last event of a client that resumes a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastEvent {
    /// A position in the log.
    Position(i64),
    /// Another text, such as the id of an event of another service.
    Unreadable,
}

/// The header that an `EventSource` sends when it reconnects.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

impl LastEvent {
    /// Reads `Last-Event-ID`. An empty value is none (HTML, section 9.2.3).
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(LAST_EVENT_ID).iter().filter(|value| !value.is_empty());
        let (first, is_single) = (values.next()?, values.next().is_none());
        let digits =
            first.to_str().ok().filter(|text| text.len() <= 15 && text.bytes().all(|b| b.is_ascii_digit()));
        let position = digits.filter(|_| is_single).and_then(|text| text.parse().ok());
        Some(position.map_or(LastEvent::Unreadable, LastEvent::Position))
    }
}

impl<T: Type> DeclareResponse for EventStream<T> {
    fn declare(operation: &mut Operation) {
        let headers = ["Cache-Control", "X-Accel-Buffering"];
        let description = "A stream of events. The `data` of each is one JSON text of this schema";
        operation.responses.push(ResponseSpec {
            content: vec![MediaType { name: MEDIA, schema: T::schema_ref() }],
            ..ResponseSpec::empty(200, &headers, description)
        });
    }
}

impl<T: Type> ApiResponse for EventStream<T> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T> IntoResponse for EventStream<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn reads_the_last_event_id() {
        let read = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(LAST_EVENT_ID, HeaderValue::from_bytes(value).expect("a value"));
            }
            LastEvent::from_headers(&headers)
        };
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[b""]), None);
        assert_eq!(read(&[b"4711"]), Some(LastEvent::Position(4711)));
        let unreadable: [&[&[u8]]; 6] =
            [&[b"x"], &[b"-1"], &[b"+1"], &[b"1234567890123456"], &["é".as_bytes()], &[b"1", b"2"]];
        for values in unreadable {
            assert_eq!(read(values), Some(LastEvent::Unreadable), "{values:?}");
        }
    }
}
