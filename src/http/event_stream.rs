//! Server-sent events (HTML Standard, section 9.2), through the body of the response or directly to its connection.
use std::{
    io::{self, IoSlice, Write},
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderName, StatusCode},
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
        response.extensions_mut().insert(connection);
        EventStream(response, PhantomData)
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
