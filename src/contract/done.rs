//! A deed: something that was done with a resource that was there before, and has one effect however often it is
//! asked for.
use poem::{
    IntoResponse, Response,
    http::{StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use super::{
    answer::{Resource, json, meta, set},
    cache::Cache,
};

/// 200 with the resource as it is then.
pub struct Done<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Done<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json(StatusCode::OK, &resource);
        set(&mut response, header::ETAG, resource.etag().as_str());
        Cache::None.mark(&mut response);
        Done(response, std::marker::PhantomData)
    }
}

impl<T: Resource> ApiResponse for Done<T> {
    fn meta() -> MetaResponses {
        let fields = ["ETag", "Cache-Control"];
        MetaResponses { responses: vec![meta::<T>(200, &fields, "The resource as it is now")] }
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
