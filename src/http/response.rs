//! Success responses: their status, headers and declaration in the OpenAPI document.
use poem::{
    IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
    types::Type,
};
use serde::Serialize;

use super::{
    cache_control::CacheControl,
    etag::{ETag, EntityTags},
    idempotency::{Outcome, ReplayedResponse},
    operation::{DeclareResponse, MediaType, Operation, ResponseSpec},
    pagination::{Links, Page},
};
use crate::domain::timestamp::Timestamp;

/// A representation with an entity tag and a URL.
pub trait Resource: Type + Serialize + Send {
    /// Headers that a GET of this resource may have in addition to those of every GET.
    const HEADERS: &'static [&'static str] = &[];
    fn etag(&self) -> ETag;
    /// Returns the URL, as an absolute-path reference (RFC 9110, section 10.2.2).
    fn location(&self) -> String;
    /// Returns the value of `Last-Modified`, if any.
    fn last_modified(&self) -> Option<Timestamp> {
        None
    }
    /// Returns whether this request created the resource.
    fn is_new(&self) -> bool {
        true
    }
    /// Returns the cache policy.
    fn cache(&self) -> CacheControl;
    /// Returns whether search engines must not index the response (`X-Robots-Tag: noindex`).
    fn noindex(&self) -> bool {
        false
    }
}

pub(crate) const JSON: &str = "application/json";

/// Declares a response with a JSON body.
pub(crate) fn json_spec<T: Type>(
    status: u16,
    headers: &[&'static str],
    description: &'static str,
) -> ResponseSpec {
    let content = vec![MediaType { name: JSON, schema: T::schema_ref() }];
    ResponseSpec { content, ..ResponseSpec::empty(status, headers, description) }
}

/// The description of a response for poem-openapi, which is not used: [`DeclareResponse`] describes it.
pub(crate) const UNUSED_META: MetaResponses = MetaResponses { responses: Vec::new() };

/// Sets a header, unless `value` is not a valid header value.
pub(crate) fn set_header(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

pub(crate) fn json_response<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::builder().status(status).content_type(JSON).body(bytes),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

macro_rules! responses {
    ($($name:ident<$t:ident: $bound:path> => [$($response:expr),+];)*) => {$(
        impl<$t: $bound> DeclareResponse for $name<$t> {
            fn declare(operation: &mut Operation) {
                operation.responses.extend([$($response),+]);
            }
        }
        impl<$t: $bound> ApiResponse for $name<$t> {
            fn meta() -> MetaResponses {
                UNUSED_META
            }
            fn register(registry: &mut Registry) {
                <Self as BodySchema>::register(registry);
            }
        }
        impl<$t: $bound> IntoResponse for $name<$t> {
            fn into_response(self) -> Response {
                self.0
            }
        }
    )*};
}

/// Registers the schema of a response body.
trait BodySchema {
    fn register(registry: &mut Registry);
}

/// The response to a GET of one resource: 200, or 304 if the client's copy is current.
pub struct GetResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

/// Returns the 304 if `known` matches `etag`.
pub(crate) fn not_modified(etag: &ETag, known: &Option<EntityTags>, cache: CacheControl) -> Option<Response> {
    known.as_ref().filter(|tags| tags.matches_weak(etag))?;
    let mut response = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
    set_header(&mut response, header::ETAG, etag.as_str());
    cache.apply(&mut response);
    Some(response)
}

impl<T: Resource> GetResponse<T> {
    /// Returns the 304 if `known` matches `etag`. Call it before the resource is read.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>, cache: CacheControl) -> Option<Self> {
        not_modified(etag, known, cache).map(|response| GetResponse(response, std::marker::PhantomData))
    }

    pub fn new(resource: T, known: &Option<EntityTags>) -> Self {
        let etag = resource.etag();
        let not_modified = known.as_ref().is_some_and(|tags| tags.matches_weak(&etag));
        let mut response = match not_modified {
            true => Response::builder().status(StatusCode::NOT_MODIFIED).finish(),
            false => json_response(StatusCode::OK, &resource),
        };
        set_header(&mut response, header::ETAG, etag.as_str());
        resource.cache().apply(&mut response);
        // A 304 has only the headers that caches need (RFC 9110, section 15.4.5).
        if let Some(modified) = resource.last_modified().filter(|_| !not_modified) {
            set_header(&mut response, header::LAST_MODIFIED, &modified.http_date());
        }
        if resource.noindex() && !not_modified {
            set_header(&mut response, HeaderName::from_static("x-robots-tag"), "noindex");
        }
        GetResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for GetResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The response to an update: 200 with the new version, or 204 with `Prefer: return=minimal`.
pub struct UpdateResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> UpdateResponse<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json_response(StatusCode::OK, &resource);
        set_header(&mut response, header::ETAG, resource.etag().as_str());
        CacheControl::NoStore.apply(&mut response);
        UpdateResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for UpdateResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The response to a create: 201 with `Location`. A repeated `Idempotency-Key` returns the current resource.
pub struct CreateResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> CreateResponse<T> {
    pub fn new(outcome: Outcome<T>) -> Self {
        let mut response = match outcome {
            Outcome::New(resource) => {
                let mut response = json_response(StatusCode::CREATED, &resource);
                set_header(&mut response, header::ETAG, resource.etag().as_str());
                set_header(&mut response, header::LOCATION, &resource.location());
                response
            }
            Outcome::Replayed(ReplayedResponse { body, etag, location, .. }) => {
                let mut response =
                    Response::builder().status(StatusCode::CREATED).content_type(JSON).body(body);
                set_header(&mut response, header::ETAG, &etag);
                set_header(&mut response, header::LOCATION, &location);
                set_header(&mut response, HeaderName::from_static("idempotent-replayed"), "true");
                response
            }
        };
        CacheControl::NoStore.apply(&mut response);
        CreateResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for CreateResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The response to a request that is processed asynchronously: 202, with the URL of the status in `Location`
/// (RFC 9110, section 15.3.3).
pub struct AcceptedResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> AcceptedResponse<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json_response(StatusCode::ACCEPTED, &resource);
        set_header(&mut response, header::LOCATION, &resource.location());
        set_header(&mut response, header::RETRY_AFTER, "1");
        CacheControl::NoStore.apply(&mut response);
        AcceptedResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for AcceptedResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The response to a GET of a list: 200 with one page and `Link`, or 304 if the list is unchanged.
pub struct ListResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Type + Serialize> ListResponse<T> {
    /// Returns the 304 if `known` matches `etag`. Call it before any row is read.
    pub fn not_modified(etag: &ETag, known: &Option<EntityTags>, cache: CacheControl) -> Option<Self> {
        not_modified(etag, known, cache).map(|response| ListResponse(response, std::marker::PhantomData))
    }

    pub fn new(page: Page<T>, etag: &ETag, target: &str, cache: CacheControl) -> Self {
        let mut response = json_response(StatusCode::OK, &page);
        set_header(&mut response, header::ETAG, etag.as_str());
        set_header(&mut response, header::LINK, &Links::new(&page.pagination, target).to_string());
        cache.apply(&mut response);
        ListResponse(response, std::marker::PhantomData)
    }

    /// Creates the response with an entity tag computed from the content, for lists without a version that
    /// changes with every item.
    pub fn with_content_etag(
        page: Page<T>,
        known: &Option<EntityTags>,
        target: &str,
        cache: CacheControl,
    ) -> Self {
        let etag = ETag::weak_from_parts(&[target, &serde_json::to_string(&page).unwrap_or_default()]);
        match Self::not_modified(&etag, known, cache) {
            Some(not_modified) => not_modified,
            None => Self::new(page, &etag, target, cache),
        }
    }
}

impl<T: Type> BodySchema for ListResponse<T> {
    fn register(registry: &mut Registry) {
        Page::<T>::register_page(registry);
    }
}

/// The response to a PUT at a URL that the client chose: 201 for a new resource, otherwise 200 or 204.
pub struct ReplaceResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> ReplaceResponse<T> {
    pub fn new(resource: T, new: bool) -> Self {
        let status = if new { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = json_response(status, &resource);
        set_header(&mut response, header::ETAG, resource.etag().as_str());
        if new {
            set_header(&mut response, header::LOCATION, &resource.location());
        }
        CacheControl::NoStore.apply(&mut response);
        ReplaceResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for ReplaceResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A response that is never cached, such as a token: 200 without validators.
pub struct UncachedResponse<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Type + Serialize> UncachedResponse<T> {
    pub fn new(value: T) -> Self {
        let mut response = json_response(StatusCode::OK, &value);
        CacheControl::NoStore.apply(&mut response);
        UncachedResponse(response, std::marker::PhantomData)
    }
}

impl<T: Type> BodySchema for UncachedResponse<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

const UPDATED_WITHOUT_BODY: &str = "Updated, without a body (`Prefer: return=minimal`)";

responses! {
    GetResponse<T: Resource> => [
        json_spec::<T>(200, &[&["ETag", "Cache-Control"], T::HEADERS].concat(), "The resource"),
        ResponseSpec::empty(304, &["ETag", "Cache-Control"], "The client's copy is current")
    ];
    UpdateResponse<T: Resource> => [
        json_spec::<T>(200, &["ETag", "Cache-Control"], "The updated resource"),
        ResponseSpec::empty(204, &["ETag", "Preference-Applied", "Cache-Control"], UPDATED_WITHOUT_BODY)
    ];
    ReplaceResponse<T: Resource> => [
        json_spec::<T>(200, &["ETag", "Cache-Control"], "The updated resource"),
        json_spec::<T>(201, &["ETag", "Location", "Cache-Control"], "The new resource"),
        ResponseSpec::empty(204, &["ETag", "Preference-Applied", "Cache-Control"], UPDATED_WITHOUT_BODY)
    ];
    CreateResponse<T: Resource> => [
        json_spec::<T>(201, &["ETag", "Location", "Idempotent-Replayed", "Cache-Control"], "The new resource")
    ];
    AcceptedResponse<T: Resource> => [
        json_spec::<T>(202, &["Location", "Retry-After", "Cache-Control"], "The accepted job")
    ];
    ListResponse<T: Type> => [
        ResponseSpec {
            content: vec![MediaType { name: JSON, schema: Page::<T>::page_ref() }],
            ..ResponseSpec::empty(200, &["ETag", "Link", "Cache-Control"], "One page of the list")
        },
        ResponseSpec::empty(304, &["ETag", "Cache-Control"], "The client's copy is current")
    ];
    UncachedResponse<T: Type> => [json_spec::<T>(200, &["Cache-Control"], "The result")];
}

/// A response without content: 204.
pub struct NoContent(Response);

impl NoContent {
    pub fn new() -> Self {
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        CacheControl::NoStore.apply(&mut response);
        NoContent(response)
    }
}

impl Default for NoContent {
    fn default() -> Self {
        Self::new()
    }
}

impl DeclareResponse for NoContent {
    fn declare(operation: &mut Operation) {
        operation.responses.push(ResponseSpec::empty(204, &["Cache-Control"], "Done, without a body"));
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        self.0
    }
}

/// A response, or a permanent redirect to the new URL of the resource: 308 (RFC 9110, section 15.4.9).
pub enum OrRedirect<T> {
    Body(T),
    Redirect(String),
}

impl<T: DeclareResponse> DeclareResponse for OrRedirect<T> {
    fn declare(operation: &mut Operation) {
        T::declare(operation);
        let headers = ["Location", "Cache-Control"];
        operation.responses.push(ResponseSpec::empty(308, &headers, "The resource has a new URL"));
    }
}

impl<T: ApiResponse> ApiResponse for OrRedirect<T> {
    fn meta() -> MetaResponses {
        UNUSED_META
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: IntoResponse> IntoResponse for OrRedirect<T> {
    fn into_response(self) -> Response {
        match self {
            OrRedirect::Body(response) => response.into_response(),
            OrRedirect::Redirect(location) => {
                let mut response = Response::builder().status(StatusCode::PERMANENT_REDIRECT).finish();
                set_header(&mut response, header::LOCATION, &location);
                CacheControl::PermanentRedirect.apply(&mut response);
                response
            }
        }
    }
}
