//! The gate: refuses everything that the document forbids before an operation runs, and lets nothing out
//! that is no answer of ours: by route, method, answer's form, caller, budget, parameters, body's form, body.
mod compile;
mod prefer;
mod resource;
mod running;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use poem::{
    Endpoint, Request, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};

use self::{
    resource::Resource,
    running::{Keys, Running},
};
use super::{
    accept,
    body::read,
    budget::Kind,
    coding,
    compression::without_marks,
    credential::{Authenticate, Credential, credential, text, unreadable},
    operation::{Form, Operation},
    router::Router,
};
use crate::contract::{
    attempt::Attempt,
    caller::Principal,
    check::{self, ErrorCode},
    code::Code,
    cookie,
    etag::{Precondition, Tags},
    problem::{Error, Problem},
    request::{Checked, Client},
};

pub struct Gate {
    router: Router,
    places: Vec<Resource>,
    authenticate: Authenticate,
    /// Idempotency keys whose first request is still running in this process.
    running: Keys,
    pub require_if_match: bool,
    pub body_limit: usize,
}

/// What the rest of the edge needs to know of a request that passed, or of one that was refused.
#[derive(Default)]
pub struct Passed {
    pub operation: Option<String>,
    pub caller: Option<String>,
    pub limited: bool,
    pub kind: Kind,
    pub credentialed: bool,
    /// What the answer says of the operation's end.
    pub ending: Vec<(HeaderName, HeaderValue)>,
}

impl Passed {
    fn reached(&mut self, operation: &Operation, method: &str) {
        self.operation = Some(operation.id.clone());
        self.limited = operation.limited;
        self.ending.clone_from(&operation.ending);
        self.kind = match method {
            _ if operation.access.signed => Kind::Webhook,
            "GET" => Kind::Read,
            _ => Kind::Write,
        };
    }
}

impl Gate {
    /// Answers a request, and notes in `passed` what it was.
    pub async fn answer<F>(
        &self,
        request: Request,
        client: Client,
        now: i64,
        origins: &[String],
        passed: &mut Passed,
        budget: F,
    ) -> Result<Response, Problem>
    where
        F: FnOnce(Option<&Principal>, Kind) -> Result<(), Problem>,
    {
        let Some(found) = self.router.find(request.uri().path()) else {
            return Err(Problem::new(
                Code::NotFound,
                "there is nothing at this address: see /openapi.json for what there is",
            ));
        };
        let place = &self.places[found.place];
        passed.ending.clone_from(&place.ending);
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let Some(operation) = place.operations.get(method) else {
            return place.other(request.method());
        };
        if found.slash {
            return Ok(resource::moved(&request));
        }
        passed.reached(operation, method);
        if !accept::acceptable(request.headers(), &operation.produces) {
            let forms = operation.produces.join(", ");
            return Err(Problem::new(Code::NotAcceptable, format!("this operation answers with {forms}")));
        }
        coding::acceptable(request.headers())?;
        let principal = match operation.access.open {
            true => None,
            false => match self.caller(&request, origins, passed).await {
                Ok(principal) => principal,
                // Guessing credentials costs the budget of whoever guesses.
                Err(refusal) => return Err(budget(None, Kind::Read).err().unwrap_or(refusal)),
            },
        };
        passed.caller = principal.as_ref().map(|principal| principal.user.to_string());
        operation.access.admit(principal.as_ref())?;
        if operation.limited {
            budget(principal.as_ref(), passed.kind)?;
        }
        let checked = Checked { principal, client, path: found.values, ..Checked::default() };
        self.run(operation, &place.names, request, checked, now).await
    }

    async fn caller(
        &self,
        request: &Request,
        origins: &[String],
        passed: &mut Passed,
    ) -> Result<Option<Principal>, Problem> {
        let Some(credential) = credential(request, origins)? else { return Ok(None) };
        passed.credentialed = true;
        let by_cookie = matches!(credential, Credential::Cookie(_));
        match (self.authenticate)(credential).await {
            // Pages cannot take back a cookie that they cannot see, and would be refused for ever.
            Err(ended @ Error::InvalidToken) if by_cookie => {
                Err(Problem::from(ended).header(header::SET_COOKIE, &cookie::clear()))
            }
            known => Ok(Some(known?)),
        }
    }

    async fn run(
        &self,
        operation: &Operation,
        names: &[String],
        mut request: Request,
        mut checked: Checked,
        now: i64,
    ) -> Result<Response, Problem> {
        let key = self.parameters(operation, names, &request, &mut checked)?;
        let bytes = self.body(operation, &mut request, &mut checked).await?;
        let running = match key {
            None => None,
            Some(key) => {
                let caller = match &checked.principal {
                    Some(principal) => principal.user.to_string(),
                    None => checked.client.address.clone(),
                };
                let call = format!("{} {}", operation.id, request.uri().path());
                let attempt = Attempt::new(&caller, &call, &key, &bytes, now);
                let running = Running::start(&self.running, &attempt.scope)?;
                checked.attempt = Some(attempt);
                Some(running)
            }
        };
        let minimal = prefer::minimal(request.headers());
        let changes = matches!(*request.method(), Method::PUT | Method::PATCH);
        request.extensions_mut().insert(Arc::new(checked));
        let answer = AssertUnwindSafe(operation.endpoint.call(request)).catch_unwind().await;
        drop(running);
        let response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => error.into_response(),
            Err(panic) => {
                tracing::error!(operation = operation.id, cause = reason(&panic), "an operation panicked");
                return Err(Problem::new(Code::Internal, "the service failed; the trace names the log line"));
            }
        };
        Ok(if minimal && changes && response.status() == StatusCode::OK {
            prefer::without_body(response)
        } else {
            response
        })
    }

    /// Checks path, query and header fields; gives back the Idempotency-Key.
    fn parameters(
        &self,
        operation: &Operation,
        names: &[String],
        request: &Request,
        checked: &mut Checked,
    ) -> Result<Option<String>, Problem> {
        let mut violations = Vec::new();
        let mut strange = Vec::new();
        let named: Vec<(&str, &str)> =
            names.iter().map(String::as_str).zip(checked.path.iter().map(String::as_str)).collect();
        operation.params.path(&named, &mut strange);
        if !strange.is_empty() {
            return Err(Error::NotFound("resource: the address does not name one").into());
        }
        checked.query = operation.params.query(request.uri().query(), &mut violations);
        let mut fields = operation.params.headers(request.headers(), &mut violations);
        operation.conditions(request, &mut violations);
        // What cannot be read as entity tags names no version at all.
        let mut tags = |name: &str| {
            let value = fields.remove(name)?;
            let text = without_marks(value.as_str()?);
            Some(Tags::parse(&text).unwrap_or(Tags::These(Vec::new())))
        };
        checked.if_match =
            Precondition { tags: tags("If-Match"), none: None, required: self.require_if_match };
        checked.if_none_match = tags("If-None-Match");
        checked.languages =
            fields.remove("Accept-Language").and_then(|languages| languages.as_str().map(str::to_owned));
        checked.last_event =
            fields.remove("Last-Event-ID").and_then(|id| id.as_str().and_then(|id| id.parse().ok()));
        checked.target =
            resource::printable(request.uri().path_and_query().map_or("", |target| target.as_str()));
        match violations.is_empty() {
            true => Ok(fields.remove("Idempotency-Key").and_then(|key| key.as_str().map(str::to_owned))),
            false => Err(Error::Invalid(violations).into()),
        }
    }

    async fn body(
        &self,
        operation: &Operation,
        request: &mut Request,
        checked: &mut Checked,
    ) -> Result<Vec<u8>, Problem> {
        let Some(rule) = &operation.body else { return Ok(Vec::new()) };
        let coding = request.headers().get(header::CONTENT_ENCODING);
        if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Problem::new(Code::UnsupportedMediaType, "send the body without a content coding"));
        }
        let most = rule.most.unwrap_or(self.body_limit).min(self.body_limit);
        if !rule.takes(request.headers().get(header::CONTENT_TYPE)) {
            let empty = !request.headers().contains_key(header::CONTENT_TYPE);
            let bytes = if empty { read(request, most).await? } else { Vec::new() };
            if empty && bytes.is_empty() {
                return Err(Error::at(
                    "#",
                    ErrorCode::Required,
                    "send a body of a type that the operation takes",
                )
                .into());
            }
            return Err(rule.refusal());
        }
        let bytes = read(request, most).await?;
        let value = match rule.form {
            Form::Json => check::parse(&bytes).map_err(unreadable)?,
            Form::Text => text(&bytes)?,
            Form::Bytes => {
                checked.bytes = bytes.into();
                return Ok(Vec::new());
            }
        };
        let mut violations = Vec::new();
        rule.schema.check(&value, "#", &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations).into());
        }
        checked.body = Mutex::new(Some(value));
        Ok(bytes)
    }
}

fn reason(panic: &Box<dyn std::any::Any + Send>) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}
