//! Responses to idempotent actions on an existing resource.
use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    answer::{Resource, json_meta, json_response, set_header},
    cache::Cache,
};

/// The response to an action: 200 with the resource after it.
pub struct Done<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Done<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json_response(StatusCode::OK, &resource);
        set_header(&mut response, header::ETAG, resource.etag().as_str());
        Cache::None.mark(&mut response);
        Done(response, std::marker::PhantomData)
    }
}

impl<T: Resource> ApiResponse for Done<T> {
    fn meta() -> MetaResponses {
        let headers = ["ETag", "Cache-Control"];
        MetaResponses { responses: vec![json_meta::<T>(200, &headers, "The resource after the action")] }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        self.0
    }
}
