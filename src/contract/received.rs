//! What may be sent twice, and is kept once.
use std::marker::PhantomData;

use poem::{
    IntoResponse, Response,
    http::{HeaderName, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    answer::{JSON, Resource, json, meta, set},
    attempt::{Kept, Outcome},
    cache::Cache,
};

/// What was sent is kept now: 201, or 200 with what was kept before, if it is the same.
pub struct Received<T>(Response, PhantomData<fn() -> T>);

impl<T: Resource> Received<T> {
    pub fn new(outcome: Outcome<T>) -> Self {
        let place = |status: StatusCode, mut response: Response, etag: &str, location: &str| {
            response.set_status(status);
            set(&mut response, header::ETAG, etag);
            set(&mut response, header::LOCATION, location);
            response
        };
        let mut response = match outcome {
            Outcome::Fresh(resource) => {
                let status = if resource.is_new() { StatusCode::CREATED } else { StatusCode::OK };
                let response = json(status, &resource);
                place(status, response, resource.etag().as_str(), &resource.location())
            }
            Outcome::Again(Kept { status, body, etag, location }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CREATED);
                let response = Response::builder().content_type(JSON).body(body);
                let mut response = place(status, response, &etag, &location);
                set(&mut response, HeaderName::from_static("idempotent-replayed"), "true");
                response
            }
        };
        Cache::None.mark(&mut response);
        Received(response, PhantomData)
    }
}

impl<T: Resource> ApiResponse for Received<T> {
    fn meta() -> MetaResponses {
        let fields = ["ETag", "Location", "Idempotent-Replayed", "Cache-Control"];
        MetaResponses {
            responses: vec![
                meta::<T>(200, &fields, "The same was there already"),
                meta::<T>(201, &fields, "The new resource"),
            ],
        }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Resource> IntoResponse for Received<T> {
    fn into_response(self) -> Response {
        self.0
    }
}
