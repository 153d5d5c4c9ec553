//! Responses to requests that create a resource once, however often they are sent.
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
    cache_control::CacheControl,
    idempotency::{Outcome, ReplayedResponse},
    operation::{DeclareResponse, Operation},
    response::{JSON, Resource, UNUSED_META, json_response, json_spec, set_header},
};

/// The response to an upsert: 201 with the new resource, or 200 with the existing one if it is the same.
pub struct Upserted<T>(Response, PhantomData<fn() -> T>);

impl<T: Resource> Upserted<T> {
    pub fn new(outcome: Outcome<T>) -> Self {
        let finish = |status: StatusCode, mut response: Response, etag: &str, location: &str| {
            response.set_status(status);
            set_header(&mut response, header::ETAG, etag);
            set_header(&mut response, header::LOCATION, location);
            response
        };
        let mut response = match outcome {
            Outcome::New(resource) => {
                let status = if resource.is_new() { StatusCode::CREATED } else { StatusCode::OK };
                let response = json_response(status, &resource);
                finish(status, response, resource.etag().as_str(), &resource.location())
            }
            Outcome::Replayed(ReplayedResponse { status, body, etag, location }) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::CREATED);
                let response = Response::builder().content_type(JSON).body(body);
                let mut response = finish(status, response, &etag, &location);
                set_header(&mut response, HeaderName::from_static("idempotent-replayed"), "true");
                response
            }
        };
        CacheControl::NoStore.apply(&mut response);
        Upserted(response, PhantomData)
    }
}

impl<T: Resource> DeclareResponse for Upserted<T> {
    fn declare(operation: &mut Operation) {
        let headers = ["ETag", "Location", "Idempotent-Replayed", "Cache-Control"];
        operation.responses.extend([
            json_spec::<T>(200, &headers, "The existing resource"),
            json_spec::<T>(201, &headers, "The new resource"),
        ]);
    }
}

impl<T: Resource> ApiResponse for Upserted<T> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Resource> IntoResponse for Upserted<T> {
    fn into_response(self) -> Response {
        self.0
    }
}
