//! Failures: one domain error, and one wire shape (RFC 9457).
use std::sync::OnceLock;

use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use serde::Serialize;

pub use super::fault::*;
use super::{
    check::{ErrorCode, Place, Violation},
    code::Code,
    etag::ETag,
    money::Currency,
};
use crate::ports::trouble;

/// What went wrong, in the words of the domain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
    /// The body is not of the form that it says.
    #[error("{0}")]
    Malformed(&'static str),
    #[error("the body came too slowly")]
    TooSlow,
    #[error("{0}")]
    TooLarge(String),
    /// A member of the body has a type that is not taken; the name of the member, and what would be right.
    #[error("{1}")]
    Untaken(&'static str, String),
    /// There are so many bytes, and none where the client asked for some.
    #[error("there are {0} bytes, and none in the range that was asked for")]
    Nowhere(u64),
    #[error("the cursor does not belong to this list: start again from the first page")]
    InvalidCursor,
    /// A webhook that its signature does not vouch for.
    #[error("{0}")]
    InvalidSignature(&'static str),
    #[error("this needs a signed-in caller")]
    Unauthenticated,
    #[error("the credential is unknown, expired or revoked")]
    InvalidToken,
    #[error("e-mail or password is wrong")]
    WrongPassword,
    #[error("{0}")]
    Forbidden(&'static str),
    #[error("the API key lacks the scope {0}")]
    InsufficientScope(String),
    #[error("a session cookie may write only from the service's own site")]
    CrossSite,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The path names a locale that this service does not have.
    #[error("{0}")]
    NoLocale(String),
    /// A unique member's value is taken; the name of the member.
    #[error("this {0} is taken")]
    Taken(&'static str),
    #[error("{0}")]
    Conflict(&'static str),
    /// The same, with what it clashes with.
    #[error("{0}")]
    Clash(String),
    /// A value that the schema allows and the state does not; the name of the member, and why.
    #[error("{0} {1}")]
    Unfit(&'static str, &'static str),
    #[error("the resource has changed since you read it")]
    Stale(ETag),
    /// There is nothing at the address whose version the client named.
    #[error("there is no version of this resource that If-Match could name")]
    Gone,
    /// There is something at the address that the client wanted to be the first at.
    #[error("there is a resource at this address already")]
    Exists(ETag),
    /// Somebody else made the same thing at the same moment.
    #[error("somebody else was faster: read the resource and try again")]
    Raced,
    #[error("send If-Match with the ETag of the version you mean to change")]
    IfMatchRequired,
    #[error("this Idempotency-Key was used for a request with another body")]
    KeyReused,
    #[error("a request with this Idempotency-Key is still running")]
    KeyInUse,
    /// Too many tries; the seconds to wait.
    #[error("too many tries: wait {0} seconds")]
    TooMany(u64),
    /// Not now; the seconds after which to try again.
    #[error("{0}")]
    Unavailable(&'static str),
    /// No amount in this currency can be converted.
    #[error(
        "there is no rate for {0}, in which some of what is asked for is written: the operator can name one in rates_fallback"
    )]
    Unrated(Currency),
    /// Somebody else was asked, and gave nothing that can be handed on.
    #[error("{0}")]
    BadGateway(String),
    /// Somebody else was asked, and took too long.
    #[error("{0}")]
    GatewayTimeout(String),
    #[error("storage failed")]
    Storage(#[from] sea_orm::DbErr),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// One violation at the member `pointer` of the body (`#/title`).
    pub fn at(pointer: &str, code: ErrorCode, message: &str) -> Self {
        let place = Place::Pointer(pointer.to_owned());
        Error::Invalid(vec![Violation { place, code, message: message.to_owned() }])
    }

    /// What a failed insert means when nothing was there a moment before.
    pub fn raced(error: sea_orm::DbErr) -> Self {
        if trouble::taken(&error) { Error::Raced } else { error.into() }
    }

    /// What a failed write means when the unique `member` may be taken.
    pub fn taken(member: &'static str) -> impl FnOnce(sea_orm::DbErr) -> Self {
        move |error| if trouble::taken(&error) { Error::Taken(member) } else { error.into() }
    }

    pub fn code(&self) -> Code {
        match self {
            Error::Invalid(_) => Code::Invalid,
            Error::InvalidCursor => Code::InvalidCursor,
            Error::InvalidSignature(_) => Code::InvalidSignature,
            Error::Malformed(_) => Code::MalformedRequest,
            Error::TooSlow => Code::RequestTimeout,
            Error::TooLarge(_) => Code::PayloadTooLarge,
            Error::Untaken(..) => Code::UnsupportedMediaType,
            Error::Nowhere(_) => Code::RangeNotSatisfiable,
            Error::Unauthenticated => Code::Unauthenticated,
            Error::InvalidToken => Code::InvalidToken,
            Error::WrongPassword => Code::WrongPassword,
            Error::Forbidden(_) => Code::Forbidden,
            Error::InsufficientScope(_) => Code::InsufficientScope,
            Error::CrossSite => Code::CrossSite,
            Error::NotFound(_) | Error::NoLocale(_) => Code::NotFound,
            Error::Taken(_) => Code::Taken,
            Error::Conflict(_) | Error::Clash(_) | Error::Unfit(..) => Code::Conflict,
            Error::Stale(_) | Error::Gone | Error::Raced | Error::Exists(_) => Code::Stale,
            Error::IfMatchRequired => Code::PreconditionRequired,
            Error::KeyReused => Code::KeyReused,
            Error::KeyInUse => Code::KeyInUse,
            Error::TooMany(_) => Code::TooManyRequests,
            Error::Unavailable(_) | Error::Unrated(_) => Code::Unavailable,
            Error::BadGateway(_) => Code::BadGateway,
            Error::GatewayTimeout(_) => Code::GatewayTimeout,
            Error::Storage(error) if trouble::passing(error) => Code::Unavailable,
            Error::Storage(_) | Error::Internal(_) => Code::Internal,
        }
    }
}

/// A failure on its way to the client. It becomes bytes at the edge, where the request's id is known.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: Code,
    pub detail: String,
    pub errors: Vec<Violation>,
    pub current_etag: Option<ETag>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem { code, detail: detail.into(), errors: Vec::new(), current_etag: None, headers: Vec::new() }
    }

    pub fn with_errors(mut self, mut errors: Vec<Violation>) -> Self {
        errors.sort_by(|a, b| a.place.cmp(&b.place));
        self.errors = errors;
        self
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The bytes, for the request `trace`.
    pub fn render(self, trace: &str) -> Response {
        let wire = ProblemBody {
            kind: format!("{}/problems/{}", base(), self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            instance: format!("urn:request:{trace}"),
            trace,
            errors: self.errors.iter().map(FieldBody::from).collect(),
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

/// On its way out of an operation it is an error of the framework that carries the problem.
impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let mut error = poem::Error::from_status(problem.code.status());
        error.set_data(problem);
        error
    }
}

static BASE: OnceLock<String> = OnceLock::new();

/// Says, once, under which address the problem pages are reached from outside.
pub fn set_base(url: &str) {
    let _ = BASE.set(url.trim_end_matches('/').to_owned());
}

fn base() -> &'static str {
    BASE.get().map_or("http://127.0.0.1:8080", String::as_str)
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
    errors: Vec<FieldBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_etag: Option<&'a str>,
}

#[derive(Serialize)]
struct FieldBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
}

impl<'a> From<&'a Violation> for FieldBody<'a> {
    fn from(violation: &'a Violation) -> Self {
        let (mut pointer, mut parameter, mut header) = (None, None, None);
        match &violation.place {
            Place::Pointer(place) => pointer = Some(place.as_str()),
            Place::Parameter(name) => parameter = Some(name.as_str()),
            Place::Header(name) => header = Some(name.as_str()),
        }
        FieldBody { code: violation.code.as_str(), message: &violation.message, pointer, parameter, header }
    }
}

fn at_member(member: &str, code: ErrorCode, message: &str) -> Vec<Violation> {
    vec![Violation { place: Place::Pointer(format!("#/{member}")), code, message: message.to_owned() }]
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let code = error.code();
        if let Error::Unavailable(detail) = error {
            return Problem::new(code, detail).header(header::RETRY_AFTER, "5");
        }
        if let Error::Unrated(currency) = error {
            tracing::error!(%currency, "there is no rate: name one in rates_fallback");
            return Problem::new(code, error.to_string()).header(header::RETRY_AFTER, "60");
        }
        if let Error::BadGateway(detail) | Error::GatewayTimeout(detail) = error {
            return Problem::new(code, detail);
        }
        if code == Code::Unavailable {
            tracing::warn!(cause = ?error, "the database is busy or away");
            return Problem::new(code, "the database is busy: try again").header(header::RETRY_AFTER, "1");
        }
        // The cause of a failure of ours goes to the log alone.
        if code.status().is_server_error() {
            tracing::error!(cause = ?error, "the service failed");
            return Problem::new(code, "the service failed; the trace names the log line");
        }
        detailed(Problem::new(code, error.to_string()), error)
    }
}

/// What a client is told of a failure beyond its words.
fn detailed(problem: Problem, error: Error) -> Problem {
    match error {
        Error::Invalid(errors) => {
            let count = errors.len();
            let mut problem = problem.with_errors(errors);
            problem.detail = format!(
                "{count} {} of the request must be mended",
                if count == 1 { "part" } else { "parts" }
            );
            problem
        }
        Error::Taken(member) => problem.with_errors(at_member(member, ErrorCode::NotUnique, "is taken")),
        Error::Unfit(member, message) => problem.with_errors(at_member(member, ErrorCode::Conflict, message)),
        Error::InvalidCursor => problem.with_errors(vec![Violation {
            place: Place::Parameter("after".to_owned()),
            code: ErrorCode::Invalid,
            message: "is no cursor of this list with these filters and this sort".to_owned(),
        }]),
        Error::Stale(etag) | Error::Exists(etag) => Problem { current_etag: Some(etag), ..problem },
        Error::Unauthenticated => problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"tenon\""),
        Error::InvalidToken | Error::WrongPassword => {
            problem.header(header::WWW_AUTHENTICATE, "Bearer realm=\"tenon\", error=\"invalid_token\"")
        }
        Error::InsufficientScope(scope) => problem.header(
            header::WWW_AUTHENTICATE,
            &format!("Bearer realm=\"tenon\", error=\"insufficient_scope\", scope=\"{scope}\""),
        ),
        Error::Untaken(member, message) => {
            problem.with_errors(at_member(member, ErrorCode::NotInEnum, &message))
        }
        Error::Nowhere(size) => problem.header(header::CONTENT_RANGE, &format!("bytes */{size}")),
        Error::KeyInUse => problem.header(header::RETRY_AFTER, "1"),
        Error::TooMany(seconds) => problem.header(header::RETRY_AFTER, &seconds.to_string()),
        _ => problem,
    }
}

/// The kinds of failure behind a status, first the usual one.
pub fn codes_of(status: StatusCode) -> Vec<Code> {
    Code::ALL.iter().copied().filter(|code| code.status() == status).collect()
}
