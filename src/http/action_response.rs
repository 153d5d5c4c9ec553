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
    cache_control::CacheControl,
    response::{Resource, json_meta, json_response, set_header},
};

/// The response to an action: 200 with the resource after it.
pub struct ActionResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> ActionResponse<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json_response(StatusCode::OK, &resource);
        set_header(&mut response, header::ETAG, resource.etag().as_str());
        CacheControl::NoStore.apply(&mut response);
        ActionResponse(response, std::marker::PhantomData)
    }
}

impl<T: Resource> ApiResponse for ActionResponse<T> {
    fn meta() -> MetaResponses {
        let headers = ["ETag", "Cache-Control"];
        MetaResponses { responses: vec![json_meta::<T>(200, &headers, "The resource after the action")] }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for ActionResponse<T> {
    fn into_response(self) -> Response {
        self.0
    }
}
