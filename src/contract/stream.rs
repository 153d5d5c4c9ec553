//! Live events: an answer that goes on while things happen (HTML, 9.2).
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
    answer::{bare, set},
    cache::Cache,
};

const MEDIA: &str = "text/event-stream";

/// 200, and then an event for each thing that happens. The `data` of each is one JSON text of the schema.
pub struct Events<T>(Response, PhantomData<fn() -> T>);

impl<T> Events<T> {
    /// Of frames that are events already.
    pub fn new(frames: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let body = Body::from_bytes_stream(frames.map(Ok::<_, io::Error>));
        let mut response = Response::builder().status(StatusCode::OK).content_type(MEDIA).body(body);
        // Proxies that gather an answer would show nothing for hours.
        set(&mut response, HeaderName::from_static("x-accel-buffering"), "no");
        Cache::None.mark(&mut response);
        Events(response, PhantomData)
    }
}

impl<T: Type> ApiResponse for Events<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: MEDIA, schema: T::schema_ref() }];
        let what = "Events, each with one JSON text of this schema as its `data`";
        let found = MetaResponse { content, ..bare(200, &["Cache-Control", "X-Accel-Buffering"], what) };
        MetaResponses { responses: vec![found] }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T> IntoResponse for Events<T>
where
    T: Send,
{
    fn into_response(self) -> Response {
        self.0
    }
}
