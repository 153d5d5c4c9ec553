//! Validates routed requests against the declared operations before the handler runs.
//!
//! Order of the checks: method, `Accept`, authentication, authorization, rate limit, parameters, media
//! type of the body, body. A panic in a handler becomes a 500.
mod compile;
mod idempotency_key;
mod in_flight_keys;
mod path_item;
mod prefer;

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, TryStreamExt};
use parking_lot::Mutex;
use poem::{
    Body, Endpoint, Request, Response,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
};
use uuid::Uuid;

use self::{
    in_flight_keys::{InFlightKey, InFlightKeys},
    path_item::PathItem,
};
use super::{
    accept,
    compression::strip_tag_suffixes,
    content_encoding,
    credential::{
        Authenticator, Credential, check_authorization, decode_text, extract_credential, invalid_json,
    },
    failure, internal_error,
    operation::CompiledOperation,
    request_body::{check_content_length, read_body},
    response_cache::{Account, Cacheable, ResponseCache},
    response_headers::Cors,
};
use crate::{
    domain::audit::AuthFailure,
    http::{
        auth::{Principal, Via},
        etag::{EntityTags, Precondition},
        event_stream::{LAST_EVENT_ID, LastEvent},
        extract::{Client, ValidatedRequest},
        idempotency::IdempotentRequest,
        operation::{BodyFormat, RateLimitClass},
        problem::{Error, Problem},
        problem_code::ProblemCode,
        router::{Match, Router},
        session_cookie::{self, CookieSite},
    },
    infra::{
        audit_log::Origin,
        client_permits::{ClientPermit, ClientPermits},
        daily_writes::DailyWrites,
        traces::{SpanKind, in_span},
    },
    schema::{self, ErrorCode, Location},
};

/// The time after which the credential of a write is verified again, if the body took that long.
const MAX_VERIFIED_AGE: Duration = Duration::from_secs(1);

/// The dispatcher, compiled from the declared operations and their schemas.
pub struct Dispatcher {
    router: Router,
    path_items: Vec<PathItem>,
    /// The ids of all operations, by their numbers.
    pub operation_ids: Vec<&'static str>,
    /// The paths of health checks, which have no rate limit.
    probes: Vec<&'static str>,
    pub authenticator: Authenticator,
    /// Scopes of the idempotency keys whose first request is still running in this process.
    in_flight: InFlightKeys,
    /// Permits for searches, which read whole tables.
    pub searches: ClientPermits,
    /// The bytes that accounts may send per day.
    pub daily_writes: Option<DailyWrites>,
    pub require_if_match: bool,
    pub body_limit: usize,
    /// Maximum bytes of a form, if fewer than the operation declares.
    pub form_limit: usize,
    pub cache: ResponseCache,
    pub cors: Cors,
}

/// Facts about a dispatched request that the response headers and the access log need. They are valid for
/// rejected requests too, up to the check that failed.
#[derive(Default)]
pub struct RequestInfo {
    pub operation: Option<&'static str>,
    /// The number of the operation among all operations.
    pub number: Option<usize>,
    /// The path template of the operation.
    pub route: Option<&'static str>,
    pub caller: Option<Uuid>,
    pub rate_limited: bool,
    pub class: RateLimitClass,
    pub credentialed: bool,
    /// The `Deprecation` and `Sunset` headers of the operation.
    pub deprecation_headers: Vec<(HeaderName, HeaderValue)>,
    /// The properties of the response for the cache, if the responses of the operation are cached.
    pub cacheable: Option<Cacheable>,
}

impl RequestInfo {
    fn record(&mut self, operation: &CompiledOperation) {
        self.operation = Some(operation.declared.id);
        self.number = Some(operation.number);
        self.route = Some(operation.declared.path);
        self.rate_limited = operation.declared.rate_limit.is_some();
        self.class = operation.declared.rate_limit.unwrap_or_default();
        self.deprecation_headers.clone_from(&operation.deprecation_headers);
    }
}

impl Dispatcher {
    /// Returns whether the path is that of a health check.
    pub fn is_probe(&self, path: &str) -> bool {
        self.probes.contains(&path)
    }

    /// Returns the match of a request path with the path template of an operation.
    pub fn find(&self, path: &str) -> Option<Match> {
        self.router.find(path)
    }

    /// Returns the GET operation of a path, if its responses are cached.
    pub fn cached_operation(&self, path_item: usize) -> Option<&CompiledOperation> {
        let operation = self.path_items.get(path_item)?.operations.get("GET")?;
        operation.declared.cached_by.map(|_| operation)
    }

    /// Dispatches a request to the operation that its path matches, and records facts about it in `info`.
    pub async fn dispatch<F>(
        &self,
        (found, request): (Match, Request),
        client: Client,
        now: i64,
        info: &mut RequestInfo,
        check_rate_limit: F,
    ) -> Result<Response, Problem>
    where
        F: FnOnce(Option<Uuid>, RateLimitClass) -> Result<(), Problem>,
    {
        let path_item = &self.path_items[found.index];
        info.deprecation_headers.clone_from(&path_item.deprecation_headers);
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let Some(operation) = path_item.operations.get(method) else {
            return path_item.other_method(request.method());
        };
        if found.trailing_slash {
            return Ok(path_item::redirect_without_slash(&request));
        }
        info.record(operation);
        if !accept::acceptable(request.headers(), &operation.produces) {
            let types = operation.produces.join(", ");
            return Err(Problem::new(ProblemCode::NotAcceptable, format!("Accept: must allow {types}")));
        }
        content_encoding::check_acceptable(request.headers())?;
        check_authorization(request.headers())?;
        let principal = match operation.declared.access().ignores_credentials() {
            true => None,
            false => match self.authenticate_caller(&request, info).await {
                Ok(principal) => principal,
                // Failed authentication counts against the client's rate limit, so credentials cannot be
                // guessed at full speed.
                Err(error) => {
                    return Err(check_rate_limit(None, RateLimitClass::Read).err().unwrap_or(error));
                }
            },
        };
        if let Some(caller) = &principal {
            Origin::current().set_caller(caller);
        }
        info.caller = principal.as_ref().map(|principal| principal.user);
        operation.check_access(principal.as_ref())?;
        if info.rate_limited {
            check_rate_limit(info.caller, info.class)?;
        }
        // After the rate limit, because it can write to the database.
        self.record_key(principal.as_ref()).await;
        if let Some(collections) = operation.declared.cached_by {
            let account = principal.as_ref().map(Account::from);
            info.cacheable = Some(self.cache.cacheable(found.index, collections, account));
        }
        let cookie_site = self.cookie_site(request.headers());
        let path = found.values;
        let checked =
            ValidatedRequest { principal, client, path, cookie_site, ..ValidatedRequest::default() };
        let call = self.validate_and_call(operation, &path_item.names, request, checked, now);
        AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
            Err(internal_error(format!("the request handling panicked: {}", panic_message(&panic))))
        })
    }

    /// Authenticates the caller; `None` for an anonymous one.
    async fn authenticate_caller(
        &self,
        request: &Request,
        info: &mut RequestInfo,
    ) -> Result<Option<Principal>, Problem> {
        let credential = match extract_credential(request.method(), request.headers(), &self.cors.0) {
            Ok(None) => return Ok(None),
            Ok(Some(credential)) => credential,
            Err(error) => return Err(self.reject_credential(error).await),
        };
        info.credentialed = true;
        // A write verifies the credential again, because another process may have revoked it a moment ago.
        if request.method().is_safe()
            && let Some(principal) = (self.authenticator.verified)(&credential)
        {
            return Ok(Some(Arc::unwrap_or_clone(principal)));
        }
        let by_cookie = matches!(credential, Credential::Cookie(_));
        match (self.authenticator.verify)(credential).await {
            // The cookie is HttpOnly, so a page cannot delete it. Without this header every further request
            // of the browser would fail with 401.
            Err(expired @ Error::InvalidToken(_)) if by_cookie => {
                let problem = self.reject_credential(expired).await;
                let site = self.cookie_site(request.headers());
                Err(problem.header(header::SET_COOKIE, &session_cookie::clear_cookie(site)))
            }
            Err(error) => Err(self.reject_credential(error).await),
            Ok(principal) => Ok(Some(principal)),
        }
    }

    fn cookie_site(&self, headers: &HeaderMap) -> CookieSite {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        CookieSite::new(text("sec-fetch-site"), text("origin"), &self.cors.0)
    }

    /// Checks that the credential of a write still identifies the same caller.
    async fn verify_again(&self, request: &Request, caller: Option<&Principal>) -> Result<(), Problem> {
        let Some(caller) = caller.filter(|_| !request.method().is_safe()) else { return Ok(()) };
        let credential = extract_credential(request.method(), request.headers(), &self.cors.0)?;
        let verified = match credential {
            Some(credential) => Some((self.authenticator.verify)(credential).await?),
            None => None,
        };
        match verified.as_ref() == Some(caller) {
            true => Ok(()),
            false => {
                let reason = "the account, its role or the credential changed while the body was received";
                Err(Error::invalid_token(AuthFailure::Revoked, reason).into())
            }
        }
    }

    /// Returns the problem of a failed authentication and records it in the audit log.
    async fn reject_credential(&self, error: Error) -> Problem {
        let rejected = match &error {
            Error::InvalidToken(rejected) => Some((rejected.class, rejected.account)),
            Error::Csrf => Some((AuthFailure::Csrf, None)),
            _ => None,
        };
        if let Some((class, account)) = rejected {
            let identity = account.map_or_else(String::new, |account| account.to_string());
            (self.authenticator.record_failure)(class, account, identity).await;
        }
        error.into()
    }

    /// Records the first use of an API key from an address.
    async fn record_key(&self, caller: Option<&Principal>) {
        if let Some(Via::Key { id, .. }) = caller.map(|caller| &caller.via)
            && !(self.authenticator.is_recorded)(*id, Origin::current().address())
        {
            (self.authenticator.record_key)(*id).await;
        }
    }

    /// Validates the parameters and the body, then runs the handler.
    async fn validate_and_call(
        &self,
        operation: &CompiledOperation,
        names: &[String],
        request: Request,
        mut checked: ValidatedRequest,
        now: i64,
    ) -> Result<Response, Problem> {
        let key = self.check_parameters(operation, names, &request, &mut checked)?;
        let _search = self.search_permit(operation, &checked).await?;
        let mut request = self.count_body(operation, checked.principal.as_ref(), request).await?;
        let body_start = Instant::now();
        let bytes = self.check_body(operation, &mut request, &mut checked).await?;
        if body_start.elapsed() > MAX_VERIFIED_AGE {
            self.verify_again(&request, checked.principal.as_ref()).await?;
        }
        let in_flight = match key {
            None => None,
            Some(key) => {
                let caller = match &checked.principal {
                    Some(principal) => principal.user.to_string(),
                    None => checked.client.address.clone(),
                };
                let call = format!("{} {}", operation.declared.id, request.uri().path());
                let attempt = IdempotentRequest::new(&caller, &call, &key, &bytes, now);
                let in_flight = InFlightKey::register(&self.in_flight, &attempt.scope)?;
                checked.idempotency = Some(attempt);
                Some(in_flight)
            }
        };
        let minimal = prefer::prefers_minimal(request.headers());
        request.extensions_mut().insert(Arc::new(checked));
        let call = operation.endpoint.call(request);
        let response = in_span(operation.declared.id, SpanKind::Internal, call).await;
        let response = response.unwrap_or_else(|error| error.into_response());
        drop(in_flight);
        Ok(if minimal && operation.declared.is_update() && response.status() == StatusCode::OK {
            prefer::without_body(response)
        } else {
            response
        })
    }

    /// Counts the body of a write against the daily limit of the account.
    async fn count_body(
        &self,
        operation: &CompiledOperation,
        caller: Option<&Principal>,
        mut request: Request,
    ) -> Result<Request, Problem> {
        let Some(account) = caller.map(|caller| caller.user) else { return Ok(request) };
        let Some(writes) = &self.daily_writes else { return Ok(request) };
        if operation.declared.method.is_safe() {
            return Ok(request);
        }
        let body = request.take_body();
        if body.is_empty() {
            return Ok(request);
        }
        let declared = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let declared: u64 = declared.unwrap_or_default();
        if let Some(seconds) = writes.admit(account, declared).await.map_err(Error::from)? {
            let detail = format!(
                "the account has reached its limit of bytes per day (daily_write_bytes): retry in {seconds} s"
            );
            let problem = Problem::new(ProblemCode::DailyWriteLimit, detail);
            return Err(problem.header(header::RETRY_AFTER, &seconds.to_string()));
        }
        if declared > 0 {
            request.set_body(body);
            return Ok(request);
        }
        // Without a declared length, the bytes are counted while they are read.
        let (writes, chunks) = (writes.clone(), body.into_bytes_stream());
        let counted = chunks.inspect_ok(move |chunk| writes.add(account, chunk.len() as u64));
        request.set_body(Body::from_bytes_stream(counted));
        Ok(request)
    }

    /// Waits until the client may search. Requests that are no search need no permit.
    async fn search_permit(
        &self,
        operation: &CompiledOperation,
        checked: &ValidatedRequest,
    ) -> Result<Option<ClientPermit>, Problem> {
        if !operation.declared.search.is_some_and(|parameter| checked.query.contains_key(parameter)) {
            return Ok(None);
        }
        let work = self.searches.accept(Origin::current().client());
        let message = "this client has too many searches in progress: retry, with fewer at the same time";
        Ok(work.map_err(|_| Error::ConcurrencyLimit(message))?.start().await)
    }

    /// Validates path, query and headers, and returns the Idempotency-Key.
    fn check_parameters(
        &self,
        operation: &CompiledOperation,
        names: &[String],
        request: &Request,
        checked: &mut ValidatedRequest,
    ) -> Result<Option<String>, Problem> {
        let mut violations = Vec::new();
        let mut mismatches = Vec::new();
        let named: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(checked.path.iter().map(String::as_str)).collect();
        operation.params.path(&named, &mut mismatches);
        if !mismatches.is_empty() {
            let reason = format!("path: {}", failure::describe(&mismatches));
            return Err(Problem::from(Error::NotFound("resource")).reason(reason));
        }
        checked.query = operation.params.query(request.uri().query(), &mut violations);
        let mut headers = operation.params.headers(request.headers(), &mut violations);
        // An `EventSource` never reconnects after a 400, so an id of any form is accepted.
        if operation.params.declares_header(LAST_EVENT_ID.as_str()) {
            violations.retain(|violation| match &violation.location {
                Location::Header(name) => !name.eq_ignore_ascii_case(LAST_EVENT_ID.as_str()),
                _ => true,
            });
            checked.last_event_id = LastEvent::from_headers(request.headers());
        }
        operation.check_conditionals(request, &mut violations);
        // An invalid list of entity tags matches no version, so the request fails with 412 instead of an
        // unconditional write.
        let mut tags = |name: &str| {
            let value = headers.remove(name)?;
            let text = strip_tag_suffixes(value.as_str()?);
            Some(EntityTags::parse(&text).unwrap_or(EntityTags::List(Vec::new())))
        };
        checked.if_match =
            Precondition { if_match: tags("If-Match"), if_none_match: None, required: self.require_if_match };
        checked.if_none_match = tags("If-None-Match");
        checked.accept_language =
            headers.remove("Accept-Language").and_then(|languages| languages.as_str().map(str::to_owned));
        let mut text = |name: &str| headers.remove(name).and_then(|value| value.as_str().map(str::to_owned));
        (checked.range, checked.if_range) = (text("Range"), text("If-Range"));
        checked.target =
            path_item::percent_encode(request.uri().path_and_query().map_or("", |target| target.as_str()));
        match violations.is_empty() {
            true => Ok(text("Idempotency-Key").map(idempotency_key::normalize)),
            false => Err(Error::Invalid(violations).into()),
        }
    }

    /// Reads and validates the request body, and returns its bytes for the idempotency fingerprint.
    async fn check_body(
        &self,
        operation: &CompiledOperation,
        request: &mut Request,
        checked: &mut ValidatedRequest,
    ) -> Result<Vec<u8>, Problem> {
        let Some(rule) = &operation.body else { return Ok(Vec::new()) };
        let encoding = request.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Problem::new(
                ProblemCode::UnsupportedMediaType,
                "Content-Encoding: must be absent or identity",
            ));
        }
        let is_form = matches!(rule.declared.format, BodyFormat::Multipart { .. });
        let limit = rule.declared.max_bytes.unwrap_or(self.body_limit);
        let limit = if is_form { limit.min(self.form_limit) } else { limit };
        let hint = rule.declared.too_large_hint.unwrap_or_default();
        if !rule.accepts(request.headers().get(header::CONTENT_TYPE)) {
            let untyped = !request.headers().contains_key(header::CONTENT_TYPE);
            let bytes = if untyped { read_body(request, limit, hint).await? } else { Vec::new() };
            if untyped && bytes.is_empty() {
                return Err(Error::invalid_field(
                    "#",
                    ErrorCode::Required,
                    "send a body with a Content-Type that the operation accepts",
                )
                .into());
            }
            return Err(rule.unsupported_media_type());
        }
        // The handler reads a form as a stream and counts its bytes.
        if is_form {
            return check_content_length(request, limit, hint).map(|()| Vec::new());
        }
        let limit = limit.min(self.body_limit);
        let bytes = read_body(request, limit, hint).await?;
        let value = match rule.declared.format {
            BodyFormat::Json => schema::parse(&bytes).map_err(invalid_json)?,
            BodyFormat::Text => decode_text(&bytes)?,
            BodyFormat::Bytes | BodyFormat::Multipart { .. } => {
                checked.bytes = bytes.into();
                return Ok(Vec::new());
            }
        };
        let mut violations = Vec::new();
        rule.schema.validate(&value, "#", &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations).into());
        }
        checked.body = Mutex::new(Some(value));
        Ok(bytes)
    }
}

/// Returns the message of a panic.
fn panic_message(panic: &Box<dyn std::any::Any + Send>) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}
