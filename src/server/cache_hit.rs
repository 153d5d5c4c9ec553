//! The use of the response cache by requests: the response to a hit, and the storage of a new response.
use std::{io, net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, combinators::BoxBody};
use hyper::body::Body as _;
use poem::{
    Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
};

use super::{
    Finish, HttpService, accept,
    access_log::LoggedRequest,
    body_streams::SMALL_BODY,
    content_encoding::{Encoding, negotiate},
    credential::extract_credential,
    request_id::RequestId,
    request_trace::{ResponseFacts, end_span},
    response_cache::{Account, Cacheable, CachedResponse, Condition, KeyRef, MAX_BODY, Slot},
};
use crate::{
    http::auth::{Principal, Via},
    infra::traces::Span,
};

/// `Cache-Status` (RFC 9211).
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const HIT: HeaderValue = HeaderValue::from_static("tenon; hit");
const MISS: HeaderValue = HeaderValue::from_static("tenon; fwd=miss");
const STORED: HeaderValue = HeaderValue::from_static("tenon; fwd=miss; stored");

/// The cache key and the caller of a request.
struct Lookup<'a> {
    key: KeyRef<'a>,
    caller: Option<Arc<Principal>>,
}

/// A current response in the cache, and the caller that it is for.
pub struct Hit {
    response: Arc<CachedResponse>,
    caller: Option<Arc<Principal>>,
}

impl HttpService {
    /// Returns the cached response to a request, if its body is small: a client that does not read a larger one would keep
    /// it in memory without a permit. `None` if [`respond`](Self::respond) must handle the request.
    pub(super) fn cached_response(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        id: &RequestId,
    ) -> Option<hyper::Response<Bytes>> {
        let start = Instant::now();
        let Lookup { key, caller } = self.lookup(method, uri, headers, peer)?;
        let response = self.dispatcher.cache.get(key)?;
        if response.body.len() as u64 > SMALL_BODY {
            return None;
        }
        self.respond_with_hit(&Hit { response, caller }, (method, uri, headers), peer, id, start)
    }

    /// Returns the cached response with the headers of this request, which began at `start`. `None` if the dispatcher
    /// must handle the request.
    pub(super) fn respond_with_hit(
        &self,
        Hit { response: cached, caller }: &Hit,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        peer: Option<IpAddr>,
        id: &RequestId,
        start: Instant,
    ) -> Option<hyper::Response<Bytes>> {
        let operation = self.dispatcher.cached_operation(cached.path_item)?;
        operation.check_access(caller.as_deref()).ok()?;
        if !accept::acceptable(headers, &operation.produces) {
            return None;
        }
        let modified = match single(headers, header::IF_NONE_MATCH).ok()?.map(|tag| cached.condition(tag)) {
            None | Some(Condition::Modified) => true,
            Some(Condition::NotModified) => false,
            Some(Condition::Unknown) => return None,
        };
        let client = self.proxies.client_address(peer, headers);
        let user = caller.as_ref().map(|caller| caller.user);
        let rate_limit = operation.declared.rate_limit.map(|class| (user, class));
        if let Some((user, class)) = rate_limit {
            self.rate_limits.check(user, &client, class, self.clock.monotonic()).ok()?;
        }
        let mut response = cached.response(modified);
        let (status, response_headers) = (response.status(), response.headers_mut());
        if self.dispatcher.cache.shows_status {
            response_headers.insert(CACHE_STATUS, HIT);
        }
        let (elapsed, client_ip) = (start.elapsed(), client.ip);
        self.metrics.hit(operation.number, status, elapsed);
        let span = self.begin_span((method, uri.path(), headers), client_ip, id, start);
        let trace_id = span.as_ref().and_then(Span::recorded_trace);
        let (method_sent, path) = (Some(method), uri.path());
        let logged = LoggedRequest { id, method: method_sent, path, client: client_ip, trace_id, elapsed };
        self.finish_for_client(response_headers, headers, &Finish { id, client, rate_limit });
        self.access_log.hit(&logged, operation.declared.id, user, status);
        if let Some(span) = span {
            let facts = ResponseFacts { route: Some(operation.declared.path), status, code: None };
            end_span(span, method, &facts);
        }
        Some(response)
    }

    /// Returns the key of a request and its caller. `None` if the cache cannot serve the request.
    fn lookup<'a>(
        &self,
        method: &Method,
        uri: &'a Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Option<Lookup<'a>> {
        let cache = &self.dispatcher.cache;
        if !cache.is_enabled() || !matches!(*method, Method::GET | Method::HEAD) {
            return None;
        }
        let encoding = match single(headers, header::ACCEPT_ENCODING).ok()? {
            None => Encoding::Identity,
            Some(_) => negotiate(headers)?,
        };
        let caller = match extract_credential(method, headers, &self.dispatcher.cors.0).ok()? {
            None => None,
            Some(credential) => Some((self.dispatcher.authenticator.verified)(&credential)?),
        };
        // The dispatcher records the first use of an API key from an address.
        if let Some(Via::Key { id, .. }) = caller.as_deref().map(|caller| &caller.via) {
            let address = self.access_log.shown_address(self.proxies.client_address(peer, headers).ip);
            (self.dispatcher.authenticator.is_recorded)(*id, address.as_deref()).then_some(())?;
        }
        let account = caller.as_deref().map(Account::from);
        let target = uri.path_and_query()?.as_str();
        Some(Lookup { key: KeyRef { target, account, encoding }, caller })
    }

    /// Returns the current response from the cache, waiting for an equal request that is creating it, or the slot for this
    /// request to fill. `None` if the response is not cached, or if the request may get another response.
    pub(super) async fn hit_or_slot(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Option<Result<Hit, Slot<'_>>> {
        let found = self.dispatcher.find(uri.path()).filter(|found| !found.trailing_slash)?;
        let operation = self.dispatcher.cached_operation(found.index)?;
        let Lookup { key, caller } = self.lookup(method, uri, headers, peer)?;
        if let Some(response) = self.dispatcher.cache.get(key) {
            return Some(Ok(Hit { response, caller }));
        }
        operation.check_access(caller.as_deref()).ok()?;
        let ignores_caller = caller.is_some() && operation.declared.access().ignores_credentials();
        let is_conditional = headers.contains_key(header::IF_NONE_MATCH);
        if ignores_caller || is_conditional || !accept::acceptable(headers, &operation.produces) {
            return None;
        }
        let found = self.dispatcher.cache.get_or_slot(key.to_owned()).await?;
        Some(found.map(|response| Hit { response, caller }))
    }

    /// Stores the response of a cached operation for the account of the caller, if it is complete and the handler allows
    /// shared caches to store it (`is_public`).
    pub(super) async fn store(
        &self,
        response: Response,
        (request, slot): (&CacheRequest<'_>, Option<Slot<'_>>),
        cacheable: Cacheable,
        is_public: bool,
    ) -> Response {
        let cache = &self.dispatcher.cache;
        let sets_cookie = response.headers().contains_key(header::SET_COOKIE);
        if cache.is_enabled() && response.status().as_u16() < 400 {
            cache.misses.increment();
        }
        let is_complete = cache.is_enabled() && response.status() == StatusCode::OK && !sets_cookie;
        let (mut response, body) = match is_complete && (is_public || cacheable.is_constant) {
            true => take_bytes(response).await,
            false => (response, None),
        };
        let encoding = negotiate(request.headers);
        let key =
            encoding.map(|encoding| KeyRef { target: request.target, account: cacheable.account, encoding });
        let mut status = MISS;
        if let (Some(key), Some(body)) = (key, body) {
            let headers = response.headers().clone();
            let stored = CachedResponse::new(cacheable.path_item, headers, body, cacheable.validity);
            if cache.insert(key, slot, stored) {
                status = STORED;
            }
        }
        if cache.shows_status && response.status().as_u16() < 400 {
            response.headers_mut().insert(CACHE_STATUS, status);
        }
        response
    }
}

/// The parts of a request that the key of its response contains.
pub struct CacheRequest<'a> {
    pub target: &'a str,
    pub headers: &'a HeaderMap,
}

/// Returns a complete body of at most [`MAX_BODY`] bytes, which stays in the response. `None` for a stream.
async fn take_bytes(mut response: Response) -> (Response, Option<Bytes>) {
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    if body.size_hint().exact().is_none_or(|size| size > MAX_BODY) {
        response.set_body(body);
        return (response, None);
    }
    let Ok(bytes) = body.collect().await.map(Collected::to_bytes) else {
        return (response, None);
    };
    // Without the unused capacity of the serializer.
    let bytes = Bytes::copy_from_slice(&bytes);
    response.set_body(bytes.clone());
    (response, Some(bytes))
}

/// Returns the only value of a header.
///
/// # Errors
///
/// If the request has several.
fn single(headers: &HeaderMap, name: HeaderName) -> Result<Option<&HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}
