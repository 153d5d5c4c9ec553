//! Successes: the few shapes an operation answers with, and the header fields that belong to each.
use poem::{
    IntoResponse, Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

use super::{
    attempt::{Kept, Outcome},
    cache::Cache,
    etag::{ETag, Tags},
    page::{Links, Page},
    time::Timestamp,
};

/// A representation that knows its own version and address.
pub trait Resource: Type + Serialize + Send {
    /// The header fields that a read of it may have beyond those of all reads.
    const FIELDS: &'static [&'static str] = &[];
    fn etag(&self) -> ETag;
    /// An absolute-path reference (RFC 9110, 10.2.2).
    fn location(&self) -> String;
    fn modified(&self) -> Option<Timestamp> {
        None
    }
    /// Who may keep a copy, and for how long.
    fn cache(&self) -> Cache;
    /// Whether search engines are to leave it out.
    fn hidden(&self) -> bool {
        false
    }
}

const JSON: &str = "application/json";

pub(super) fn meta<T: Type>(status: u16, headers: &[&str], description: &'static str) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaResponse { content, ..bare(status, headers, description) }
}

/// A header is only named here; the document's shared header of that name says the rest.
pub(super) fn bare(status: u16, headers: &[&str], description: &'static str) -> MetaResponse {
    let header = |name: &&str| MetaHeader {
        name: (*name).to_owned(),
        description: None,
        required: true,
        deprecated: false,
        schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
    };
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![],
        headers: headers.iter().map(header).collect(),
    }
}

pub(super) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::builder().status(status).content_type(JSON).body(bytes),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

macro_rules! answers {
    ($($name:ident<$t:ident: $bound:path> => [$($meta:expr),+];)*) => {$(
        impl<$t: $bound> ApiResponse for $name<$t> {
            fn meta() -> MetaResponses {
                MetaResponses { responses: vec![$($meta),+] }
            }
            fn register(registry: &mut Registry) {
                <Self as Shape>::register(registry);
            }
        }
        impl<$t: $bound> IntoResponse for $name<$t> {
            fn into_response(self) -> Response {
                self.0
            }
        }
    )*};
}

/// Which schema an answer's body has.
trait Shape {
    fn register(registry: &mut Registry);
}

/// One resource: 200, or 304 when the client has this very version.
pub struct Found<T>(Response, std::marker::PhantomData<fn() -> T>);

/// The 304 for whoever has this version, decided before anything is read.
pub(super) fn unchanged(etag: &ETag, known: &Option<Tags>, cache: Cache) -> Option<Response> {
    known.as_ref().filter(|tags| tags.weakly_match(etag))?;
    let mut response = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
    set(&mut response, header::ETAG, etag.as_str());
    cache.mark(&mut response);
    Some(response)
}

impl<T: Resource> Found<T> {
    /// The 304, decided before anything is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>, cache: Cache) -> Option<Self> {
        unchanged(etag, known, cache).map(|response| Found(response, std::marker::PhantomData))
    }

    pub fn new(resource: T, known: &Option<Tags>) -> Self {
        let etag = resource.etag();
        let unchanged = known.as_ref().is_some_and(|tags| tags.weakly_match(&etag));
        let mut response = match unchanged {
            true => Response::builder().status(StatusCode::NOT_MODIFIED).finish(),
            false => json(StatusCode::OK, &resource),
        };
        set(&mut response, header::ETAG, etag.as_str());
        resource.cache().mark(&mut response);
        // A 304 repeats only what a cache needs (RFC 9110, 15.4.5).
        if let Some(modified) = resource.modified().filter(|_| !unchanged) {
            set(&mut response, header::LAST_MODIFIED, &modified.http_date());
        }
        if resource.hidden() && !unchanged {
            set(&mut response, HeaderName::from_static("x-robots-tag"), "noindex");
        }
        Found(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Found<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A change that took place: 200 with the new version, or 204 when the client prefers no body.
pub struct Changed<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Changed<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json(StatusCode::OK, &resource);
        set(&mut response, header::ETAG, resource.etag().as_str());
        Cache::None.mark(&mut response);
        Changed(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Changed<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A new resource: 201 with its address; the same again for a repeated Idempotency-Key.
pub struct Created<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Created<T> {
    pub fn new(outcome: Outcome<T>) -> Self {
        let mut response = match outcome {
            Outcome::Fresh(resource) => {
                let mut response = json(StatusCode::CREATED, &resource);
                set(&mut response, header::ETAG, resource.etag().as_str());
                set(&mut response, header::LOCATION, &resource.location());
                response
            }
            Outcome::Again(Kept { body, etag, location }) => {
                let mut response =
                    Response::builder().status(StatusCode::CREATED).content_type(JSON).body(body);
                set(&mut response, header::ETAG, &etag);
                set(&mut response, header::LOCATION, &location);
                set(&mut response, HeaderName::from_static("idempotent-replayed"), "true");
                response
            }
        };
        Cache::None.mark(&mut response);
        Created(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Created<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Work that is done after the answer: 202 with the address at which to see how far it is (RFC 9110, 15.3.3).
pub struct Accepted<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Accepted<T> {
    pub fn new(resource: T) -> Self {
        let mut response = json(StatusCode::ACCEPTED, &resource);
        set(&mut response, header::LOCATION, &resource.location());
        set(&mut response, header::RETRY_AFTER, "1");
        Cache::None.mark(&mut response);
        Accepted(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Accepted<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A page of a list: 200 with `Link`, or 304 while nothing in the list has changed.
pub struct Listed<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Type + Serialize> Listed<T> {
    /// The 304, decided before a row is read.
    pub fn unchanged(etag: &ETag, known: &Option<Tags>, cache: Cache) -> Option<Self> {
        unchanged(etag, known, cache).map(|response| Listed(response, std::marker::PhantomData))
    }

    pub fn new(page: Page<T>, etag: &ETag, target: &str, cache: Cache) -> Self {
        let mut response = json(StatusCode::OK, &page);
        set(&mut response, header::ETAG, etag.as_str());
        set(&mut response, header::LINK, &Links::around(&page.pagination, target).to_string());
        cache.mark(&mut response);
        Listed(response, std::marker::PhantomData)
    }

    /// The same where no version tells of every change: the entity tag is made of what is shown.
    pub fn fresh(page: Page<T>, known: &Option<Tags>, target: &str, cache: Cache) -> Self {
        let etag = ETag::weak(&[target, &serde_json::to_string(&page).unwrap_or_default()]);
        match Self::unchanged(&etag, known, cache) {
            Some(unchanged) => unchanged,
            None => Self::new(page, &etag, target, cache),
        }
    }
}

impl<T: Type> Shape for Listed<T> {
    fn register(registry: &mut Registry) {
        Page::<T>::register_page(registry);
    }
}

/// A resource put at the address that the client chose: 201 when it is new there, else 200 or 204.
pub struct Replaced<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Resource> Replaced<T> {
    pub fn new(resource: T, new: bool) -> Self {
        let status = if new { StatusCode::CREATED } else { StatusCode::OK };
        let mut response = json(status, &resource);
        set(&mut response, header::ETAG, resource.etag().as_str());
        if new {
            set(&mut response, header::LOCATION, &resource.location());
        }
        Cache::None.mark(&mut response);
        Replaced(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Replaced<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Something that is told once and never kept: 200 without validators.
pub struct Told<T>(Response, std::marker::PhantomData<fn() -> T>);

impl<T: Type + Serialize> Told<T> {
    pub fn new(value: T) -> Self {
        let mut response = json(StatusCode::OK, &value);
        Cache::None.mark(&mut response);
        Told(response, std::marker::PhantomData)
    }
}

impl<T: Type> Shape for Told<T> {
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

answers! {
    Found<T: Resource> => [
        meta::<T>(200, &[&["ETag", "Cache-Control"], T::FIELDS].concat(), "The resource"),
        bare(304, &["ETag", "Cache-Control"], "The client's copy is still current")
    ];
    Changed<T: Resource> => [
        meta::<T>(200, &["ETag", "Cache-Control"], "The resource as it is now"),
        bare(204, &["ETag", "Preference-Applied", "Cache-Control"], "Changed; the client preferred no body")
    ];
    Replaced<T: Resource> => [
        meta::<T>(200, &["ETag", "Cache-Control"], "The resource as it is now"),
        meta::<T>(201, &["ETag", "Location", "Cache-Control"], "The resource, new at this address"),
        bare(204, &["ETag", "Preference-Applied", "Cache-Control"], "Changed; the client preferred no body")
    ];
    Created<T: Resource> => [
        meta::<T>(201, &["ETag", "Location", "Idempotent-Replayed", "Cache-Control"], "The new resource")
    ];
    Accepted<T: Resource> => [
        meta::<T>(202, &["Location", "Retry-After", "Cache-Control"], "What will be done")
    ];
    Listed<T: Type> => [
        MetaResponse {
            content: vec![MetaMediaType { content_type: JSON, schema: Page::<T>::page_ref() }],
            ..bare(200, &["ETag", "Link", "Cache-Control"], "One page of the list")
        },
        bare(304, &["ETag", "Cache-Control"], "The client's copy is still current")
    ];
    Told<T: Type> => [meta::<T>(200, &["Cache-Control"], "The answer")];
}

/// Done, and nothing is left to show: 204.
pub struct Gone(Response);

impl Gone {
    pub fn new() -> Self {
        let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
        Cache::None.mark(&mut response);
        Gone(response)
    }
}

impl Default for Gone {
    fn default() -> Self {
        Self::new()
    }
}

impl ApiResponse for Gone {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![bare(204, &["Cache-Control"], "Done; there is nothing left to show")],
        }
    }
    fn register(_: &mut Registry) {}
}

impl IntoResponse for Gone {
    fn into_response(self) -> Response {
        self.0
    }
}

/// A resource that may have moved for good: 308 to where it is now (RFC 9110, 15.4.9).
pub enum Or<T> {
    Here(T),
    Moved(String),
}

impl<T: ApiResponse> ApiResponse for Or<T> {
    fn meta() -> MetaResponses {
        let mut meta = T::meta();
        meta.responses.push(bare(308, &["Location", "Cache-Control"], "It has another address now"));
        meta
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: IntoResponse> IntoResponse for Or<T> {
    fn into_response(self) -> Response {
        match self {
            Or::Here(answer) => answer.into_response(),
            Or::Moved(location) => {
                let mut response = Response::builder().status(StatusCode::PERMANENT_REDIRECT).finish();
                set(&mut response, header::LOCATION, &location);
                Cache::Moved.mark(&mut response);
                response
            }
        }
    }
}
