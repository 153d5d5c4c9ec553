//! One operation of the OpenAPI document, compiled to the checks that run before its handler.
use poem::{
    Request, Response,
    endpoint::BoxEndpoint,
    http::{HeaderName, HeaderValue, Method, header},
};
use serde_json::Value;

use crate::{
    http::{
        auth::{Principal, Via},
        image_upload::MULTIPART_FORM_DATA,
        problem::{Error, Problem},
        problem_code::ProblemCode,
    },
    schema::{Compiler, ErrorCode, Location, Params, Schema, Violation},
};

/// An operation with its handler and its checks.
pub struct Operation {
    pub id: String,
    pub endpoint: BoxEndpoint<'static, Response>,
    pub params: Params,
    pub body: Option<BodyRule>,
    /// Media types of the response, without parameters.
    pub produces: Vec<String>,
    pub access: Access,
    /// Whether the operation is rate limited (documents a 429).
    pub rate_limited: bool,
    /// Whether the responses are images, which count against a higher rate limit.
    pub images: bool,
    /// The `Deprecation` and `Sunset` headers of its responses.
    pub deprecation_headers: Vec<(HeaderName, HeaderValue)>,
}

/// The accepted request bodies of an operation.
pub struct BodyRule {
    pub media: Vec<String>,
    pub format: BodyFormat,
    pub schema: Schema,
    /// Maximum bytes, if the schema of a binary body declares fewer than the service limit.
    pub max_bytes: Option<usize>,
}

/// The format that a request body is decoded from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    Json,
    /// Text of any content.
    Text,
    /// Raw bytes, for operations that verify a signature before they parse the body.
    Bytes,
    /// Multipart with one file, which the handler reads as a stream.
    Multipart,
}

/// Access rules, compiled from `x-authz` and `security`.
pub struct Access {
    /// Credentials are ignored.
    pub ignores_credentials: bool,
    /// The operation verifies a signature over the request instead of a credential.
    pub signed: bool,
    anonymous: bool,
    allow: Vec<String>,
    /// The scope that an API key needs; `None` if API keys are not accepted.
    scope: Option<String>,
}

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

impl Operation {
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

    /// Compiles an operation.
    ///
    /// # Errors
    ///
    /// A description if the OpenAPI document declares something that cannot be enforced.
    pub fn compile(
        compiler: &mut Compiler<'_>,
        item: &Value,
        operation: &Value,
        endpoint: BoxEndpoint<'static, Response>,
    ) -> Result<Self, String> {
        let id = operation["operationId"].as_str().ok_or("an operation has no operationId")?.to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let parameters = [list(&item["parameters"]), list(&operation["parameters"])].concat();
        let params = Params::compile_with(compiler, &parameters).map_err(|error| format!("{id}: {error}"))?;
        let body = match operation.pointer("/requestBody/content").and_then(Value::as_object) {
            None => None,
            Some(content) => {
                let schema = content
                    .values()
                    .next()
                    .map(|media| &media["schema"])
                    .ok_or("a request body has no media type")?;
                let media: Vec<String> = content.keys().cloned().collect();
                let bytes = schema["format"] == "binary";
                let format = match media.iter().all(|media| media.starts_with("text/")) {
                    _ if media.iter().any(|media| media == MULTIPART_FORM_DATA) => BodyFormat::Multipart,
                    _ if bytes => BodyFormat::Bytes,
                    true => BodyFormat::Text,
                    false => BodyFormat::Json,
                };
                let max_bytes =
                    schema["maxLength"].as_u64().filter(|_| bytes).map(|max_bytes| max_bytes as usize);
                let schema = compiler.schema(schema).map_err(|error| format!("{id}: {error}"))?;
                Some(BodyRule { media, format, schema, max_bytes })
            }
        };
        let produces = produces(operation);
        let images = produces.iter().any(|media| media.starts_with("image/"));
        let rate_limited = operation["responses"].get("429").is_some();
        let access = Access::compile(operation);
        Ok(Operation {
            id,
            endpoint,
            params,
            body,
            produces,
            access,
            rate_limited,
            images,
            deprecation_headers: deprecation_headers(operation)?,
        })
    }
}

/// Returns the distinct media types of the successful responses.
fn produces(operation: &Value) -> Vec<String> {
    let successes = operation["responses"].as_object().into_iter().flatten();
    let contents = successes
        .filter(|(status, _)| status.starts_with('2'))
        .filter_map(|(_, response)| response["content"].as_object());
    let mut produces: Vec<String> = Vec::new();
    for media in contents.flat_map(|content| content.keys()) {
        if !produces.contains(media) {
            produces.push(media.clone());
        }
    }
    produces
}

/// Returns the headers of `x-deprecation`.
fn deprecation_headers(operation: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let headers = operation["x-deprecation"].as_object().into_iter().flatten();
    let parse = |(name, value): (&String, &Value)| {
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    headers.map(|entry| parse(entry).ok_or_else(|| format!("{entry:?} is not a header"))).collect()
}

impl Access {
    fn compile(operation: &Value) -> Self {
        let schemes: Vec<&Value> = operation["security"].as_array().into_iter().flatten().collect();
        let allow: Vec<String> = operation["x-authz"]["allow"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|role| role.as_str().map(str::to_owned))
            .collect();
        let scope = schemes.iter().find_map(|scheme| scheme["api_key"][0].as_str().map(str::to_owned));
        let signed = allow.iter().any(|role| role == "provider");
        let ignores_credentials =
            signed || schemes.iter().all(|scheme| scheme.as_object().is_some_and(serde_json::Map::is_empty));
        let anonymous = signed || allow.iter().any(|role| role == "anonymous");
        Access { ignores_credentials, signed, anonymous, allow, scope }
    }

    /// Checks role, scope and kind of credential. Ownership is checked by the handler, because it needs the
    /// row.
    pub fn check(&self, principal: Option<&Principal>) -> Result<(), Problem> {
        let Some(principal) = principal else {
            return if self.anonymous { Ok(()) } else { Err(Error::Unauthenticated.into()) };
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
        let allows = |role: &String| match role.as_str() {
            "anonymous" | "authenticated" | "owner" => true,
            role => role == principal.role.as_str(),
        };
        match self.allow.iter().any(allows) {
            true => Ok(()),
            false => {
                Err(Problem::from(Error::Forbidden("requires another role: see x-authz of the operation"))
                    .reason(format!(
                        "requires one of {}, the caller is {}",
                        self.allow.join(", "),
                        principal.role
                    )))
            }
        }
    }
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
        self.media.iter().any(|media| media.eq_ignore_ascii_case(essence)) && parts.all(charset)
    }

    /// Returns the 415 that lists the accepted media types.
    pub fn unsupported_media_type(&self) -> Problem {
        let media = self.media.join(", ");
        Problem::new(ProblemCode::UnsupportedMediaType, format!("Content-Type: must be {media}, in UTF-8"))
            .header(header::ACCEPT, &media)
    }
}
