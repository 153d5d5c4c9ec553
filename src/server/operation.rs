//! One operation, compiled to the checks that run before its handler.
use std::sync::LazyLock;

use poem::{
    Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, header},
};
use serde_json::Value;

use crate::{
    domain::scope::Scope,
    http::{
        auth::{Principal, Via},
        operation::{Access, Operation, RequestBody},
        problem::{Error, Problem},
        problem_code::ProblemCode,
    },
    schema::{ErrorCode, Location, Params, Schema, Violation},
};

/// An operation with its handler and its checks.
pub struct CompiledOperation {
    pub declared: Operation,
    /// Its number among all operations.
    pub number: usize,
    pub endpoint: BoxEndpoint<'static, Response>,
    pub params: Lazy<Params>,
    pub body: Option<BodyRule>,
    /// Media types of the response, without parameters.
    pub produces: Vec<&'static str>,
    /// The scope that an API key needs; `None` if API keys are not accepted.
    scope: Option<String>,
    /// The `Deprecation`, `Sunset` and `Link` headers of its responses.
    pub deprecation_headers: Vec<(HeaderName, HeaderValue)>,
}

/// The accepted request bodies of an operation.
pub struct BodyRule {
    pub declared: RequestBody,
    pub schema: Lazy<Schema>,
}

/// A part of an operation that is compiled on its first use, because most processes use few operations.
pub type Lazy<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// Returns the request of an operation as the OpenAPI document states it: `parameters`, `requestBody`, and the
/// `components` that they refer to.
pub type RequestDocument = fn(&Operation) -> Value;

/// Conditional headers that an unsafe request must not send to an operation that does not support them. A
/// client that sends one relies on it, so the request is rejected. RFC 9110 (13.2.2) forbids ignoring a
/// precondition.
const CONDITIONAL_HEADERS: [(&str, &str); 4] = [
    ("If-Match", "is not supported by this operation: remove it"),
    (
        "If-None-Match",
        "is not supported by this operation: remove it, or send If-Match where it is supported",
    ),
    ("If-Unmodified-Since", "is not supported: send the ETag in If-Match instead"),
    ("Idempotency-Key", "is not supported, because the response may contain a secret: remove it"),
];

impl CompiledOperation {
    /// Reports conditional headers that this operation does not support.
    pub fn check_conditionals(&self, request: &Request, out: &mut Vec<Violation>) {
        let method = request.method();
        if *method == Method::GET || *method == Method::HEAD {
            return;
        }
        for (name, message) in CONDITIONAL_HEADERS {
            let applies = name != "Idempotency-Key" || *method == Method::POST;
            if applies && request.headers().contains_key(name) && !self.params.declares_header(name) {
                out.push(Violation {
                    location: Location::Header(name.to_owned()),
                    code: ErrorCode::Unknown,
                    message: message.to_owned(),
                });
            }
        }
    }

    /// Creates an operation. The schemas of its request are compiled on their first use.
    ///
    /// # Errors
    ///
    /// A description if a deprecation header is invalid.
    pub fn new(
        (number, declared): (usize, &Operation),
        endpoint: BoxEndpoint<'static, Response>,
        request_document: RequestDocument,
    ) -> Result<Self, String> {
        let (of_params, of_body) = (declared.clone(), declared.clone());
        let params = move || {
            let params = params(&request_document(&of_params));
            let params = params.unwrap_or_else(|error| invalid(&of_params, &error));
            if of_params.ignores_unknown_query { params.ignoring_unknown_query() } else { params }
        };
        let schema = move || {
            body_schema(&request_document(&of_body), &of_body)
                .unwrap_or_else(|error| invalid(&of_body, &error))
        };
        Ok(CompiledOperation {
            number,
            endpoint,
            params: Lazy::new(Box::new(params)),
            body: declared
                .body
                .clone()
                .map(|declared| BodyRule { declared, schema: Lazy::new(Box::new(schema)) }),
            produces: declared.produces(),
            scope: declared.scope().map(|Scope(name)| name),
            deprecation_headers: deprecation_headers(declared).ok_or("a deprecation header is invalid")?,
            declared: declared.clone(),
        })
    }

    /// Checks role, scope and kind of credential. Ownership is checked by the handler, because it needs the
    /// row.
    pub fn check_access(&self, principal: Option<&Principal>) -> Result<(), Problem> {
        let access = self.declared.access();
        let Some(principal) = principal else {
            return match access {
                Access::Authenticated { .. } => Err(Error::Unauthenticated.into()),
                Access::Public | Access::Optional | Access::Signed(_) => Ok(()),
            };
        };
        match &self.scope {
            None if matches!(principal.via, Via::Key { .. }) => {
                return Err(Error::Forbidden(
                    "API keys are not accepted here: use a session or an access token",
                )
                .into());
            }
            Some(scope) if !principal.has_scope(scope) => {
                return Err(Error::InsufficientScope(scope.clone()).into());
            }
            _ => {}
        }
        match access {
            Access::Authenticated { allowed, .. }
                if !allowed.iter().any(|group| group.may_include(principal)) =>
            {
                let allowed: Vec<String> = allowed.iter().map(|group| group.name()).collect();
                Err(Problem::from(Error::Forbidden("requires another role: see x-authz of the operation"))
                    .reason(format!(
                        "requires one of {}, the caller is {}",
                        allowed.join(", "),
                        principal.role
                    )))
            }
            _ => Ok(()),
        }
    }
}

/// Compiles all schemas of a request.
///
/// # Errors
///
/// A description if the OpenAPI document states a rule that cannot be enforced.
pub fn check_request(operation: &Operation, document: &Value) -> Result<(), String> {
    params(document)?;
    operation.body.as_ref().map_or(Ok(()), |_| body_schema(document, operation).map(drop))
}

fn params(document: &Value) -> Result<Params, String> {
    Params::compile(document, document["parameters"].as_array().map_or(&[], Vec::as_slice))
}

/// Compiles the schema of the body. All media types have the same schema.
fn body_schema(document: &Value, operation: &Operation) -> Result<Schema, String> {
    let media = operation.body.as_ref().and_then(|body| body.content.first());
    let media = media.ok_or("a request body has no media type")?;
    Schema::compile(document, &document["requestBody"]["content"][media.name]["schema"])
}

/// The schemas depend on the code only, and a test compiles all of them.
fn invalid(operation: &Operation, error: &str) -> ! {
    panic!("{}: {error}", operation.id)
}

/// Returns the deprecation headers; `None` if one of them is invalid.
fn deprecation_headers(operation: &Operation) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let headers = operation.deprecation.iter().flat_map(|deprecation| deprecation.headers());
    headers
        .map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?)))
        .collect()
}

impl BodyRule {
    /// Returns whether the operation accepts the declared media type (RFC 9110, 15.5.16).
    pub fn accepts(&self, content_type: Option<&HeaderValue>) -> bool {
        let Some(text) = content_type.and_then(|value| value.to_str().ok()) else { return false };
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or_default().trim();
        let charset = |part: &str| match part.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        };
        self.declared.content.iter().any(|media| media.name.eq_ignore_ascii_case(essence))
            && parts.all(charset)
    }

    /// Returns the accepted media types, as in `Accept`.
    pub fn media_types(&self) -> String {
        let names: Vec<&str> = self.declared.content.iter().map(|media| media.name).collect();
        names.join(", ")
    }

    /// Returns the 415 that lists the accepted media types.
    pub fn unsupported_media_type(&self) -> Problem {
        let media = self.media_types();
        Problem::new(ProblemCode::UnsupportedMediaType, format!("Content-Type: must be {media}, in UTF-8"))
            .header(header::ACCEPT, &media)
    }
}
