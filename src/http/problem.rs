//! Errors of the services, and problem details (RFC 9457), their wire format.
use std::{collections::BTreeSet, sync::OnceLock};

use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

pub use super::api_error::*;
use super::{etag::ETag, problem_code::ProblemCode, rate_limit_headers};
use crate::{
    domain::{
        audit::{AuthFailure, RejectedCredential},
        locale::UnknownLocale,
        money::Currency,
    },
    infra::{
        db_error::{self, Fault},
        rate_limiter::ExceededLimit,
        shared_limits::LimitError,
    },
    schema::{ErrorCode, Location, Violation},
};

/// An error of a service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request is invalid")]
    Invalid(Vec<Violation>),
    /// The body does not have the format that its media type declares.
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the body was received too slowly")]
    RequestTimeout,
    #[error("{0}")]
    PayloadTooLarge(String),
    /// A field of the body has an unsupported media type. The field's name, and the message.
    #[error("{0}: {1}")]
    UnsupportedMediaType(&'static str, String),
    /// The range selects no byte of a representation of this size.
    #[error("Range: must overlap the representation, which has {0} bytes")]
    RangeNotSatisfiable(u64),
    #[error("after: the cursor does not belong to this list; restart from the first page")]
    InvalidCursor,
    /// The signature of a webhook is invalid.
    #[error("{0}")]
    InvalidSignature(&'static str),
    #[error("this operation requires authentication")]
    Unauthenticated,
    /// The credential in the request is invalid.
    #[error("the credential is unknown, expired or revoked")]
    InvalidToken(RejectedCredential),
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("the API key lacks the scope {0}")]
    InsufficientScope(String),
    #[error("with a session cookie, only the service's own origin and allowed origins may write")]
    Csrf,
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The locale in the path is not configured.
    #[error(transparent)]
    UnknownLocale(#[from] UnknownLocale),
    /// The value of a unique field already exists. The field's name.
    #[error("{0}: already exists")]
    AlreadyExists(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
    /// A conflict whose message has data, such as the conflicting resource.
    #[error("{0}")]
    ConflictWith(String),
    /// A value that the schema allows, but the state of the resource does not. The field's name, and the
    /// message.
    #[error("{0}: {1}")]
    InvalidState(&'static str, &'static str),
    /// `If-Match` names another version than the current one.
    #[error("the resource changed since you read it: read it again and retry")]
    PreconditionFailed(ETag),
    /// `If-Match` was sent for a resource that does not exist.
    #[error("If-Match: must be absent, because the resource does not exist")]
    IfMatchFailed,
    /// `If-None-Match` excludes the current version.
    #[error("If-None-Match: the resource already exists")]
    IfNoneMatchFailed(ETag),
    /// A concurrent request created the same resource.
    #[error("another request created the resource at the same time: read it and retry")]
    WriteConflict,
    #[error("If-Match: is required; send the ETag of the version to change")]
    IfMatchRequired,
    #[error("Idempotency-Key: was used for a request with another body; use a new key")]
    IdempotencyKeyReused,
    #[error("Idempotency-Key: the first request with this key is still running")]
    IdempotencyKeyInUse,
    #[error("too many attempts (rate limit {}): retry in {} s", .0.name, .0.retry_after_seconds)]
    TooManyRequests(ExceededLimit),
    /// Too many other passwords wait to be hashed.
    #[error("too many passwords are being hashed: retry")]
    HashingBusy,
    /// The service cannot process the request now.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The client has too many requests of one kind in progress.
    #[error("{0}")]
    ConcurrencyLimit(&'static str),
    /// There is no exchange rate for this currency.
    #[error(
        "some amounts are in {0}, which has no exchange rate: the operator can set one in rates_fallback"
    )]
    MissingExchangeRate(Currency),
    /// An upstream did not return a usable response.
    #[error("{0}")]
    BadGateway(String),
    /// An upstream did not respond in time.
    #[error("{0}")]
    GatewayTimeout(String),
    #[error("database error")]
    Storage(#[from] sea_orm::DbErr),
    /// The disk is full.
    #[error("the disk of the server is full: {0}")]
    InsufficientStorage(String),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Creates a validation error with one violation at `pointer` into the body (`#/title`).
    pub fn invalid_field(pointer: &str, code: ErrorCode, message: &str) -> Self {
        let place = Location::Pointer(pointer.to_owned());
        Error::Invalid(vec![Violation { location: place, code, message: message.to_owned() }])
    }

    pub fn invalid_token(class: AuthFailure, reason: impl Into<String>) -> Self {
        Error::InvalidToken(RejectedCredential::new(class, reason))
    }

    /// Converts the error of an insert that follows a check for absence: a unique violation is then a lost
    /// race.
    pub fn from_insert(error: sea_orm::DbErr) -> Self {
        if db_error::is_unique_violation(&error) { Error::WriteConflict } else { error.into() }
    }

    /// Returns a conversion of database errors that maps a unique violation to `field` already existing.
    pub fn on_unique_violation(field: &'static str) -> impl FnOnce(sea_orm::DbErr) -> Self {
        move |error| {
            if db_error::is_unique_violation(&error) { Error::AlreadyExists(field) } else { error.into() }
        }
    }

    /// Returns the problem code that clients receive.
    pub fn code(&self) -> ProblemCode {
        match self {
            Error::Invalid(_) => ProblemCode::ValidationFailed,
            Error::InvalidCursor => ProblemCode::InvalidCursor,
            Error::InvalidSignature(_) => ProblemCode::InvalidSignature,
            Error::Malformed(_) => ProblemCode::MalformedRequest,
            Error::RequestTimeout => ProblemCode::RequestTimeout,
            Error::PayloadTooLarge(_) => ProblemCode::PayloadTooLarge,
            Error::UnsupportedMediaType(..) => ProblemCode::UnsupportedMediaType,
            Error::RangeNotSatisfiable(_) => ProblemCode::RangeNotSatisfiable,
            Error::Unauthenticated => ProblemCode::Unauthenticated,
            Error::InvalidToken(_) => ProblemCode::InvalidToken,
            Error::InvalidCredentials => ProblemCode::InvalidCredentials,
            Error::Forbidden(_) => ProblemCode::Forbidden,
            Error::InsufficientScope(_) => ProblemCode::InsufficientScope,
            Error::Csrf => ProblemCode::Csrf,
            Error::NotFound(_) | Error::UnknownLocale(_) => ProblemCode::NotFound,
            Error::AlreadyExists(_) => ProblemCode::AlreadyExists,
            Error::Conflict(_) | Error::ConflictWith(_) | Error::InvalidState(..) => ProblemCode::Conflict,
            Error::PreconditionFailed(_)
            | Error::IfMatchFailed
            | Error::WriteConflict
            | Error::IfNoneMatchFailed(_) => ProblemCode::PreconditionFailed,
            Error::IfMatchRequired => ProblemCode::PreconditionRequired,
            Error::IdempotencyKeyReused => ProblemCode::IdempotencyKeyReused,
            Error::IdempotencyKeyInUse => ProblemCode::IdempotencyKeyInUse,
            Error::TooManyRequests(_) => ProblemCode::TooManyRequests,
            Error::HashingBusy => ProblemCode::HashingBusy,
            Error::Unavailable(_) | Error::MissingExchangeRate(_) => ProblemCode::ServiceUnavailable,
            Error::ConcurrencyLimit(_) => ProblemCode::ConcurrencyLimit,
            Error::BadGateway(_) => ProblemCode::BadGateway,
            Error::GatewayTimeout(_) => ProblemCode::GatewayTimeout,
            Error::Storage(error) => match db_error::fault(error) {
                Fault::Busy => ProblemCode::Busy,
                Fault::TimeLimit => ProblemCode::TimeLimitExceeded,
                Fault::StorageFull => ProblemCode::InsufficientStorage,
                Fault::Contention | Fault::Unreachable | Fault::Io => ProblemCode::ServiceUnavailable,
                Fault::Other => ProblemCode::InternalServerError,
            },
            Error::InsufficientStorage(_) => ProblemCode::InsufficientStorage,
            Error::Internal(_) => ProblemCode::InternalServerError,
        }
    }
}

/// A problem response before rendering. The server renders it, because only the server has the request id.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: ProblemCode,
    pub detail: String,
    pub errors: Vec<Violation>,
    pub current_etag: Option<ETag>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause or the violated rule for the access log, if it differs from `detail` and `errors`. Clients never
    /// receive it: it may contain SQL or reveal which credentials exist.
    pub reason: Option<Box<str>>,
}

impl Problem {
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Problem {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            current_etag: None,
            headers: Vec::new(),
            reason: None,
        }
    }

    /// Sets the reason for the access log.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into().into_boxed_str());
        self
    }

    pub fn with_errors(mut self, mut errors: Vec<Violation>) -> Self {
        errors.sort_by(|a, b| a.location.cmp(&b.location));
        self.errors = errors;
        self
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Renders the response for the request with the id `trace`.
    pub fn render(self, trace: &str) -> Response {
        let wire = ProblemBody {
            kind: format!("{}/problems/{}", public_url(), self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            instance: format!("urn:request:{trace}"),
            trace,
            errors: self.errors.iter().map(ViolationBody::from).collect(),
            current_etag: self.current_etag.as_ref().map(ETag::as_str),
        };
        let body = serde_json::to_vec(&wire).unwrap_or_default();
        let mut response = Response::builder()
            .status(self.code.status())
            .content_type("application/problem+json")
            .header(header::CACHE_CONTROL, "no-store")
            .body(body);
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Attaches the problem to an error of the framework. The server extracts it.
impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let mut error = poem::Error::from_status(problem.code.status());
        error.set_data(problem);
        error
    }
}

static PUBLIC_URL: OnceLock<String> = OnceLock::new();

/// Sets the public URL of the service, which `type` links to. Only the first call has an effect.
pub fn set_public_url(url: &str) {
    let _ = PUBLIC_URL.set(url.trim_end_matches('/').to_owned());
}

fn public_url() -> &'static str {
    PUBLIC_URL.get().map_or("http://127.0.0.1:8080", String::as_str)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    instance: String,
    trace: &'a str,
    errors: Vec<ViolationBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_etag: Option<&'a str>,
}

#[derive(Serialize)]
struct ViolationBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
}

impl<'a> From<&'a Violation> for ViolationBody<'a> {
    fn from(violation: &'a Violation) -> Self {
        let (mut pointer, mut parameter, mut header) = (None, None, None);
        match &violation.location {
            Location::Pointer(text) => pointer = Some(text.as_str()),
            Location::Parameter(name) => parameter = Some(name.as_str()),
            Location::Header(name) => header = Some(name.as_str()),
        }
        ViolationBody {
            code: violation.code.as_str(),
            message: &violation.message,
            pointer,
            parameter,
            header,
        }
    }
}

fn at_field(field: &str, code: ErrorCode, message: &str) -> Vec<Violation> {
    vec![Violation { location: Location::Pointer(format!("#/{field}")), code, message: message.to_owned() }]
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        if let Error::Unavailable(detail) = error {
            return Problem::new(code, detail).header(header::RETRY_AFTER, "5");
        }
        if let Error::HashingBusy = error {
            return Problem::new(code, error.to_string()).header(header::RETRY_AFTER, "1");
        }
        if let Error::ConcurrencyLimit(detail) = error {
            return Problem::new(code, detail).header(header::RETRY_AFTER, "1");
        }
        if let Error::MissingExchangeRate(_) = error {
            return Problem::new(code, error.to_string()).header(header::RETRY_AFTER, "60");
        }
        if let Error::BadGateway(detail) | Error::GatewayTimeout(detail) = error {
            return Problem::new(code, detail);
        }
        if code.status().is_server_error() {
            let (detail, retry_after) = server_error(&error);
            let problem = Problem::new(code, detail).reason(cause(&error));
            return match retry_after {
                Some(seconds) => problem.header(header::RETRY_AFTER, seconds),
                None => problem,
            };
        }
        with_details(Problem::new(code, error.to_string()), error)
    }
}

const INVALID_TOKEN: &str = "Bearer realm=\"tenon\", error=\"invalid_token\"";

/// Returns the detail of a server error, which hides its cause, and the seconds until a retry can succeed.
fn server_error(error: &Error) -> (&'static str, Option<&'static str>) {
    match error {
        Error::InsufficientStorage(_) => (DISK_FULL, None),
        Error::Storage(error) => match db_error::fault(error) {
            Fault::Busy => ("the database is busy: retry", Some("1")),
            Fault::TimeLimit => {
                ("the database operation exceeded its time limit: request less at once", Some("1"))
            }
            Fault::StorageFull => (DISK_FULL, None),
            Fault::Contention => ("another transaction changes the same rows: retry", Some("1")),
            Fault::Unreachable => ("the database does not respond: retry", Some("5")),
            Fault::Io => ("the storage of the database failed: retry", Some("5")),
            Fault::Other => (INTERNAL, None),
        },
        _ => (INTERNAL, None),
    }
}

const DISK_FULL: &str = "the disk of the server is full: the request had no effect";
const INTERNAL: &str = "internal error: report the trace to the operator";

/// Returns the message of the innermost error.
fn cause(error: &Error) -> String {
    match error {
        Error::Storage(error) => db_error::message(error),
        other => other.to_string(),
    }
}

/// Adds the violations, headers and entity tag of `error`.
fn with_details(problem: Problem, error: Error) -> Problem {
    match error {
        Error::Invalid(errors) => {
            // A field can violate several rules.
            let count = errors.iter().map(|error| &error.location).collect::<BTreeSet<_>>().len();
            let mut problem = problem.with_errors(errors);
            problem.detail =
                if count == 1 { "1 field is invalid".into() } else { format!("{count} fields are invalid") };
            problem
        }
        Error::AlreadyExists(field) => {
            problem.with_errors(at_field(field, ErrorCode::NotUnique, "already exists"))
        }
        Error::InvalidState(field, message) => {
            problem.with_errors(at_field(field, ErrorCode::Conflict, message))
        }
        Error::InvalidCursor => problem.with_errors(vec![Violation {
            location: Location::Parameter("after".to_owned()),
            code: ErrorCode::Invalid,
            message: "must be a cursor of this list, with the same filters and sort order".to_owned(),
        }]),
        Error::PreconditionFailed(etag) | Error::IfNoneMatchFailed(etag) => {
            Problem { current_etag: Some(etag), ..problem }
        }
        // Without an error code if the request has no token, or a valid one (RFC 6750, section 3.1).
        Error::Unauthenticated | Error::InvalidCredentials => {
            problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"tenon\"")
        }
        Error::InvalidToken(reason) => {
            problem.header(header::WWW_AUTHENTICATE, INVALID_TOKEN).reason(reason.reason)
        }
        Error::InsufficientScope(scope) => problem.header(
            header::WWW_AUTHENTICATE,
            &format!("Bearer realm=\"tenon\", error=\"insufficient_scope\", scope=\"{scope}\""),
        ),
        Error::UnsupportedMediaType(field, message) => {
            problem.with_errors(at_field(field, ErrorCode::NotInEnum, &message))
        }
        Error::RangeNotSatisfiable(size) => problem.header(header::CONTENT_RANGE, &format!("bytes */{size}")),
        Error::IdempotencyKeyInUse => problem.header(header::RETRY_AFTER, "1"),
        Error::TooManyRequests(limit) => with_exceeded_limit(problem, &limit),
        _ => problem,
    }
}

/// Adds the headers of an exceeded limit. The server adds those of the other limits of the request.
fn with_exceeded_limit(problem: Problem, exceeded: &ExceededLimit) -> Problem {
    let ExceededLimit { name, quota, window_seconds, retry_after_seconds: seconds, .. } = *exceeded;
    problem
        .header(header::RETRY_AFTER, &seconds.to_string())
        .header(rate_limit_headers::POLICY, &rate_limit_headers::policy(name, quota, window_seconds))
        .header(rate_limit_headers::LIMIT, &rate_limit_headers::limit(name, 0, seconds))
        .reason(format!("rate limit {name}: {quota} requests in {window_seconds} seconds"))
}

impl From<LimitError> for Error {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Exceeded(exceeded) => Error::TooManyRequests(exceeded),
            LimitError::Storage(error) => error.into(),
        }
    }
}

/// Returns the codes with this status, the most common one first.
pub fn codes_for_status(status: StatusCode) -> Vec<ProblemCode> {
    ProblemCode::ALL.iter().copied().filter(|code| code.status() == status).collect()
}
