//! What an operation takes from its request. The gate has checked everything against the document before
//! the operation runs; these parameters only hand it on, typed.
use std::{
    net::IpAddr,
    ops::Deref,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaMediaType, MetaParamIn, MetaRequest, MetaSchema, MetaSchemaRef, Registry},
    types::{ParseFromJSON, ParseFromParameter},
};
use serde_json::{Map, Value};

use super::{
    attempt::Attempt,
    caller::Principal,
    etag::{Precondition, Tags},
    problem::{Error, Problem},
};
use crate::ports::country::Country;

/// The request as the gate has checked it.
#[derive(Default)]
pub struct Checked {
    pub principal: Option<Principal>,
    /// Path parameters in the order of the path.
    pub path: Vec<String>,
    pub query: Map<String, Value>,
    pub body: Mutex<Option<Value>>,
    /// A body that is verified before it is read.
    pub bytes: Bytes,
    pub if_match: Precondition,
    pub if_none_match: Option<Tags>,
    pub languages: Option<String>,
    pub range: Option<String>,
    pub if_range: Option<String>,
    pub last_event: Option<i64>,
    pub attempt: Option<Attempt>,
    pub client: Client,
    /// Path and query as sent, for links.
    pub target: String,
}

/// Where the request comes from.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// The address of the peer, or of the client behind a trusted proxy.
    pub address: String,
    /// The `User-Agent`, at most 300 characters.
    pub agent: Option<String>,
    /// The country that a trusted proxy tells of.
    pub country: Option<Country>,
    /// The id of the request, under which it stands in the log.
    pub trace: String,
}

impl Client {
    /// The address itself; of IPv6 that of the network that one client owns.
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.split('/').next()?.parse().ok()
    }
}

impl Checked {
    pub fn of(request: &Request) -> poem::Result<&Checked> {
        request
            .extensions()
            .get::<Arc<Checked>>()
            .map(Arc::as_ref)
            .ok_or_else(|| lost("the request did not pass the gate"))
    }
}

fn lost(what: &str) -> poem::Error {
    Problem::from(Error::Internal(what.to_owned())).into()
}

/// A segment of the path.
pub struct Path<T>(pub T);

impl<'a, T: ParseFromParameter> ApiExtractor<'a> for Path<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = T;
    type ParamRawType = T::RawValueType;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }
    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        options: ExtractParamOptions<T>,
    ) -> poem::Result<Self> {
        let place = options.name.strip_prefix("param").and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        let value =
            Checked::of(request)?.path.get(place).ok_or_else(|| lost("a path parameter is missing"))?;
        T::parse_from_parameter(value).map(Path).map_err(|_| lost("a path parameter passed the gate unread"))
    }
}

/// The query, as one object whose members are the parameters.
pub struct Query<T> {
    value: T,
    /// Path and query as sent, for links to other pages.
    pub target: String,
}

impl<T> Deref for Query<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = T;
    type ParamRawType = T;

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }
    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<T>,
    ) -> poem::Result<Self> {
        let checked = Checked::of(request)?;
        let value = T::parse_from_json(Some(Value::Object(checked.query.clone())))
            .map_err(|error| lost(&format!("a query passed the gate unread: {}", error.into_message())))?;
        Ok(Query { value, target: checked.target.clone() })
    }
}

/// A JSON body.
pub struct Body<T>(pub T);
/// A JSON merge patch (RFC 7396).
pub struct Patch<T>(pub T);

macro_rules! bodies {
    ($($name:ident = [$($media:literal),+];)*) => {$(
        impl<'a, T: ParseFromJSON> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }
            fn request_meta() -> Option<MetaRequest> {
                let media = |content_type| MetaMediaType { content_type, schema: T::schema_ref() };
                Some(MetaRequest { description: None, content: vec![$(media($media)),+], required: true })
            }
            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let body = Checked::of(request)?.body.lock().ok().and_then(|mut body| body.take());
                T::parse_from_json(body)
                    .map($name)
                    .map_err(|error| lost(&format!("a body passed the gate unread: {}", error.into_message())))
            }
        }
    )*};
}
bodies! {
    Body = ["application/json"];
    Patch = ["application/merge-patch+json", "application/json"];
}

/// The `If-Match` of a write.
pub struct IfMatch(pub Precondition);
/// The `If-None-Match` of a read.
pub struct IfNoneMatch(pub Option<Tags>);
/// The `Accept-Language` of a read that leads to the representation for it.
pub struct AcceptLanguage(pub Option<String>);
/// The `Range` of a read that may be of some bytes only.
pub struct RangeField(pub Option<String>);
/// The `If-Range` of such a read.
pub struct IfRange(pub Option<String>);
/// The `Last-Event-ID` of whoever reads on where it stopped.
pub struct LastEventId(pub Option<i64>);
/// The `Idempotency-Key` of a create.
pub struct IdempotencyKey(pub Option<Attempt>);

macro_rules! headers {
    ($($name:ident($title:literal) from $field:ident;)*) => {$(
        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
            type ParamType = String;
            type ParamRawType = String;

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Header)
            }
            // The title names the document's shared parameter.
            fn param_schema_ref() -> Option<MetaSchemaRef> {
                let schema = MetaSchema { title: Some($title.to_owned()), ..MetaSchema::new("string") };
                Some(MetaSchemaRef::Inline(Box::new(schema)))
            }
            async fn from_request(
                request: &'a Request,
                _: &mut RequestBody,
                _: ExtractParamOptions<String>,
            ) -> poem::Result<Self> {
                Ok($name(Checked::of(request)?.$field.clone()))
            }
        }
    )*};
}
headers! {
    IfMatch("If-Match") from if_match;
    IfNoneMatch("If-None-Match") from if_none_match;
    AcceptLanguage("Accept-Language") from languages;
    RangeField("Range") from range;
    IfRange("If-Range") from if_range;
    LastEventId("Last-Event-ID") from last_event;
    IdempotencyKey("Idempotency-Key") from attempt;
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
        Ok(Checked::of(request)?.client.clone())
    }
}
