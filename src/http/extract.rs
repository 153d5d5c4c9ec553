//! Extractors of operations. The request is validated against the OpenAPI document before the operation runs;
//! an extractor only converts a validated value to its type.
use std::{marker::PhantomData, net::IpAddr, ops::Deref, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::Registry,
    types::{ParseFromJSON, ParseFromParameter},
};
use serde_json::{Map, Value};

use super::{
    auth::Principal,
    etag::{EntityTags, Precondition},
    event_stream::LastEvent,
    idempotency::IdempotentRequest,
    operation::{
        Argument, BodyFormat, DeclareArgument, MediaType, Operation, Parameter, PathParameter,
        RequestBody as DeclaredBody,
    },
    problem::{Error, Problem},
};
use crate::infra::geoip::Country;

/// The validated request.
#[derive(Default)]
pub struct ValidatedRequest {
    pub principal: Option<Principal>,
    /// Path parameters, in the order of the path.
    pub path: Vec<String>,
    pub query: Map<String, Value>,
    pub body: Mutex<Option<Value>>,
    /// The raw body, of operations that verify a signature before they parse it.
    pub bytes: Bytes,
    pub if_match: Precondition,
    pub if_none_match: Option<EntityTags>,
    pub accept_language: Option<String>,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub last_event_id: Option<LastEvent>,
    pub idempotency: Option<IdempotentRequest>,
    pub client: Client,
    /// The path and query as sent, for links.
    pub target: String,
}

/// The client that sent the request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The IP address of the client: of the peer, or as reported by a trusted proxy. IPv6 is shortened to the
    /// /64 network, `2001:db8::/64`.
    pub address: String,
    /// The `User-Agent`, shortened to 300 characters.
    pub user_agent: Option<String>,
    /// The country of the client.
    pub country: Option<Country>,
    /// The id of the request, as in the log.
    pub request_id: String,
}

impl Client {
    /// Returns the address, for IPv6 that of the network.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.split('/').next()?.parse().ok()
    }
}

impl ValidatedRequest {
    /// Returns the validated request that the server attached.
    pub fn from_request(request: &Request) -> poem::Result<&ValidatedRequest> {
        request
            .extensions()
            .get::<Arc<ValidatedRequest>>()
            .map(Arc::as_ref)
            .ok_or_else(|| internal("the request was not validated"))
    }
}

fn internal(message: &str) -> poem::Error {
    Problem::from(Error::Internal(message.to_owned())).into()
}

/// A path parameter. With [`ManySegments`], it matches all remaining segments of the path.
pub struct Path<T, S = OneSegment>(pub T, PhantomData<S>);

/// The number of segments that a path parameter matches.
pub trait Segments: Send + Sync {
    const MANY: bool;
}

/// One segment of the path.
pub struct OneSegment;
/// One or more segments, up to the end of the path.
pub struct ManySegments;

impl Segments for OneSegment {
    const MANY: bool = false;
}
impl Segments for ManySegments {
    const MANY: bool = true;
}

impl<T: ParseFromParameter, S: Segments> DeclareArgument for Path<T, S> {
    fn declare(operation: &mut Operation, Argument { name, description }: Argument) {
        operation.path_parameters.push(PathParameter { name, description, schema: T::schema_ref() });
        operation.many_segments |= S::MANY;
    }
}

impl<'a, T: ParseFromParameter, S: Segments> ApiExtractor<'a> for Path<T, S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<T>,
    ) -> poem::Result<Self> {
        let index = options.name.strip_prefix("param").and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        let value = ValidatedRequest::from_request(request)?
            .path
            .get(index)
            .ok_or_else(|| internal("a path parameter is missing"))?;
        T::parse_from_parameter(value)
            .map(|value| Path(value, PhantomData))
            .map_err(|_| internal("a path parameter has the wrong type"))
    }
}

/// The query, as an object with one field per parameter.
pub struct Query<T> {
    value: T,
    /// The path and query as sent, for links to other pages.
    pub target: String,
}

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: ParseFromJSON> DeclareArgument for Query<T> {
    fn declare(operation: &mut Operation, _: Argument) {
        operation.parameters.push(Parameter::Query(T::schema_ref()));
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = T;
    type ParamRawType = T;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<T>,
    ) -> poem::Result<Self> {
        let checked = ValidatedRequest::from_request(request)?;
        let value = T::parse_from_json(Some(Value::Object(checked.query.clone())))
            .map_err(|error| internal(&format!("the query has the wrong type: {}", error.into_message())))?;
        Ok(Query { value, target: checked.target.clone() })
    }
}

/// A JSON body.
pub struct JsonBody<T>(pub T);
/// A JSON merge patch (RFC 7396).
pub struct MergePatch<T>(pub T);

macro_rules! bodies {
    ($($name:ident = [$($media:literal),+];)*) => {$(
        impl<T: ParseFromJSON> DeclareArgument for $name<T> {
            fn declare(operation: &mut Operation, _: Argument) {
                operation.body = Some(DeclaredBody {
                    description: None,
                    content: vec![$(MediaType { name: $media, schema: T::schema_ref() }),+],
                    format: BodyFormat::Json,
                    max_bytes: None,
                    too_large_hint: None,
                });
            }
        }

        impl<'a, T: ParseFromJSON> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }
            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let body = ValidatedRequest::from_request(request)?.body.lock().take();
                T::parse_from_json(body)
                    .map($name)
                    .map_err(|error| internal(&format!("the body has the wrong type: {}", error.into_message())))
            }
        }
    )*};
}
bodies! {
    JsonBody = ["application/json"];
    MergePatch = ["application/merge-patch+json", "application/json"];
}

/// The `If-Match` of a write.
pub struct IfMatch(pub Precondition);
/// The `If-None-Match` of a read.
pub struct IfNoneMatch(pub Option<EntityTags>);
/// The `Accept-Language` of a read that redirects to the best matching representation.
pub struct AcceptLanguage(pub Option<String>);
/// The `Range` of a read that supports byte ranges.
pub struct RangeHeader(pub Option<String>);
/// The `If-Range` of a read that supports byte ranges.
pub struct IfRange(pub Option<String>);
/// The `Last-Event-ID` of a client that resumes a stream.
pub struct LastEventId(pub Option<LastEvent>);
/// The `Idempotency-Key` of a create.
pub struct IdempotencyKey(pub Option<IdempotentRequest>);

macro_rules! headers {
    ($($name:ident($header:literal) from $field:ident;)*) => {$(
        impl DeclareArgument for $name {
            fn declare(operation: &mut Operation, _: Argument) {
                operation.parameters.push(Parameter::Header($header));
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
            type ParamType = ();
            type ParamRawType = ();

            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                Ok($name(ValidatedRequest::from_request(request)?.$field.clone()))
            }
        }
    )*};
}
headers! {
    IfMatch("If-Match") from if_match;
    IfNoneMatch("If-None-Match") from if_none_match;
    AcceptLanguage("Accept-Language") from accept_language;
    RangeHeader("Range") from range;
    IfRange("If-Range") from if_range;
    LastEventId("Last-Event-ID") from last_event_id;
    IdempotencyKey("Idempotency-Key") from idempotency;
}

/// The client is not part of the declaration.
impl DeclareArgument for Client {
    fn declare(_: &mut Operation, _: Argument) {}
}

impl<'a> ApiExtractor<'a> for Client {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::PoemExtractor];
    type ParamType = ();
    type ParamRawType = ();

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Ok(ValidatedRequest::from_request(request)?.client.clone())
    }
}
