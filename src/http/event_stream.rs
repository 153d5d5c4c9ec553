//! Server-sent events (HTML Standard, section 9.2).
use std::{io, marker::PhantomData};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use poem::{
    Body, IntoResponse, Response,
    http::{HeaderName, StatusCode},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use super::{
    cache_control::CacheControl,
    response::{empty_meta, set_header},
};

const MEDIA: &str = "text/event-stream";

/// A `text/event-stream` response. The `data` of each event is one JSON text of the schema `T`.
pub struct EventStream<T>(Response, PhantomData<fn() -> T>);

impl<T> EventStream<T> {
    /// Sends frames that are already encoded as events.
    pub fn new(frames: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let body = Body::from_bytes_stream(frames.map(Ok::<_, io::Error>));
        let mut response = Response::builder().status(StatusCode::OK).content_type(MEDIA).body(body);
        // Some proxies buffer responses and would not forward an event until their buffer is full.
        set_header(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
        CacheControl::NoStore.apply(&mut response);
        EventStream(response, PhantomData)
    }
}

impl<T: Type> ApiResponse for EventStream<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA, schema: T::schema_ref() }];
        let description = "A stream of events. The `data` of each is one JSON text of this schema";
        let found =
            MetaResponse { content, ..empty_meta(200, &["Cache-Control", "X-Accel-Buffering"], description) };
        MetaResponses { responses: vec![found] }
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
