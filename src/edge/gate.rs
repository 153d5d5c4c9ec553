//! The gate: refuses everything that the document forbids before an operation runs, and lets nothing out
//! that is no answer of ours. Its order is route, method, form of the answer, caller, budget, parameters,
//! form of the body, body.
use std::{
    collections::{BTreeMap, HashSet},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt;
use poem::{
    Endpoint, IntoResponse, Request, Response,
    http::{Method, StatusCode, header},
};
use serde_json::Value;

use super::{
    accept,
    body::read,
    compression,
    credential::{Authenticate, Credential, credential, unreadable},
    operation::Operation,
    router::Router,
};
use crate::contract::{
    answer::Or,
    attempt::Attempt,
    caller::Principal,
    check::{self, Compiler, ErrorCode},
    code::Code,
    cookie,
    etag::{Precondition, Tags},
    problem::{Error, Problem},
    request::{Checked, Client},
};

/// The operations of one path, by method.
struct Resource {
    operations: BTreeMap<&'static str, Operation>,
    allow: String,
    accept_patch: Option<String>,
    names: Vec<String>,
}

pub struct Gate {
    router: Router,
    places: Vec<Resource>,
    authenticate: Authenticate,
    /// Idempotency keys whose first request is still running in this process.
    running: Mutex<HashSet<String>>,
    pub require_if_match: bool,
    pub body_limit: usize,
}

/// What the rest of the edge needs to know of a request that passed, or of one that was refused.
#[derive(Default)]
pub struct Passed {
    pub operation: Option<String>,
    pub caller: Option<String>,
    pub limited: bool,
    pub credentialed: bool,
}

type Endpoints = std::collections::HashMap<
    String,
    std::collections::HashMap<Method, poem::endpoint::BoxEndpoint<'static, Response>>,
>;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Gate {
    /// Compiles the gate from the finished document and the endpoints behind it.
    pub fn compile(
        document: &Value,
        endpoints: Endpoints,
        authenticate: Authenticate,
    ) -> Result<Self, String> {
        let mut endpoints: BTreeMap<String, _> = endpoints.into_iter().collect();
        let (mut router, mut places) = (Router::default(), Vec::new());
        let mut compiler = Compiler::new(document);
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            let mut found =
                endpoints.remove(&shape(template)).ok_or_else(|| format!("{template} has no endpoint"))?;
            let mut operations = BTreeMap::new();
            for method in METHODS {
                let written = &item[method.to_lowercase()];
                let endpoint =
                    found.remove(&Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?);
                match (written.is_object(), endpoint) {
                    (true, Some(endpoint)) => {
                        operations
                            .insert(method, Operation::compile(&mut compiler, item, written, endpoint)?);
                    }
                    (false, None) => {}
                    _ => return Err(format!("{method} {template} is written or there, but not both")),
                }
            }
            router.add(template, template.contains("/docs/{"), places.len());
            places.push(Resource::new(operations, template));
        }
        match endpoints.into_keys().next() {
            Some(hidden) => Err(format!("{hidden} is not in the document")),
            None => Ok(Gate {
                router,
                places,
                authenticate,
                running: Mutex::default(),
                require_if_match: false,
                body_limit: 1_048_576,
            }),
        }
    }

    /// Whether the path belongs to an operation at all.
    pub fn knows(&self, path: &str) -> bool {
        self.router.find(path).is_some()
    }

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
        F: FnOnce(Option<&Principal>, bool) -> Result<(), Problem>,
    {
        let Some(found) = self.router.find(request.uri().path()) else {
            return Err(Problem::new(
                Code::NotFound,
                "there is nothing at this address: see /openapi.json for what there is",
            ));
        };
        let place = &self.places[found.place];
        let method = if request.method() == Method::HEAD { "GET" } else { request.method().as_str() };
        let Some(operation) = place.operations.get(method) else {
            return place.other(request.method());
        };
        if found.slash {
            return Ok(moved(&request));
        }
        passed.operation = Some(operation.id.clone());
        passed.limited = operation.limited;
        if !accept::acceptable(request.headers(), &operation.produces) {
            let forms = operation.produces.join(", ");
            return Err(Problem::new(Code::NotAcceptable, format!("this operation answers with {forms}")));
        }
        let principal = match operation.access.open {
            true => None,
            false => match self.caller(&request, origins, passed).await {
                Ok(principal) => principal,
                // Guessing credentials costs the budget of whoever guesses.
                Err(refusal) => return Err(budget(None, false).err().unwrap_or(refusal)),
            },
        };
        passed.caller = principal.as_ref().map(|principal| principal.user.to_string());
        operation.access.admit(principal.as_ref())?;
        if operation.limited {
            budget(principal.as_ref(), !matches!(method, "GET"))?;
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
        // Preferences that are not known are not looked at (RFC 7240, 2).
        let minimal = request.headers().get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let minimal = minimal.flat_map(|value| value.split(',')).any(|wish| wish.trim() == "return=minimal");
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
            without_body(response)
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
            let text = compression::without_suffixes(value.as_str()?);
            Some(Tags::parse(&text).unwrap_or(Tags::These(Vec::new())))
        };
        checked.if_match =
            Precondition { tags: tags("If-Match"), none: None, required: self.require_if_match };
        checked.if_none_match = tags("If-None-Match");
        checked.target = printable(request.uri().path_and_query().map_or("", |target| target.as_str()));
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
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            return Err(Problem::new(Code::UnsupportedMediaType, "send the body without a content coding"));
        }
        if !rule.takes(request.headers().get(header::CONTENT_TYPE)) {
            let empty = !request.headers().contains_key(header::CONTENT_TYPE);
            let bytes = if empty { read(request, self.body_limit).await? } else { Vec::new() };
            if empty && bytes.is_empty() {
                return Err(Error::at("#", ErrorCode::Required, "send a JSON body").into());
            }
            return Err(rule.refusal());
        }
        let bytes = read(request, self.body_limit).await?;
        let value = check::parse(&bytes).map_err(unreadable)?;
        let mut violations = Vec::new();
        rule.schema.check(&value, "#", &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations).into());
        }
        checked.body = Mutex::new(Some(value));
        Ok(bytes)
    }
}

impl Resource {
    fn new(operations: BTreeMap<&'static str, Operation>, template: &str) -> Self {
        let mut methods: Vec<&str> = operations.keys().copied().collect();
        if operations.contains_key("GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        let patch = operations.get("PATCH").and_then(|operation| operation.body.as_ref());
        let accept_patch = patch.map(|body| body.media.join(", "));
        let names = template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let names = names.map(str::to_owned).collect();
        Resource { allow: methods.join(", "), operations, accept_patch, names }
    }

    /// OPTIONS, and the methods that the path does not have.
    fn other(&self, method: &Method) -> Result<Response, Problem> {
        if *method == Method::OPTIONS {
            let mut response =
                Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, &self.allow);
            if let Some(accept) = &self.accept_patch {
                response = response.header("accept-patch", accept);
            }
            return Ok(response.header(header::CACHE_CONTROL, "no-store").finish());
        }
        let detail = format!("this resource has {}", self.allow);
        Err(Problem::new(Code::MethodNotAllowed, detail).header(header::ALLOW, &self.allow))
    }
}

/// A key whose request is running; the next one with it is told to wait.
struct Running<'a> {
    keys: &'a Mutex<HashSet<String>>,
    scope: String,
}

impl<'a> Running<'a> {
    fn start(keys: &'a Mutex<HashSet<String>>, scope: &str) -> Result<Self, Problem> {
        let mut held = keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match held.insert(scope.to_owned()) {
            true => Ok(Running { keys, scope: scope.to_owned() }),
            false => Err(Error::KeyInUse.into()),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(&self.scope);
    }
}

/// Bytes that some clients send as they are, in the form that a header field can carry (RFC 3986, 2.1).
fn printable(target: &str) -> String {
    let mut printable = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            0x21..=0x7e => printable.push(char::from(byte)),
            other => printable.push_str(&format!("%{other:02X}")),
        }
    }
    printable
}

/// The same address without the slash, for good.
fn moved(request: &Request) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Or::<Response>::Moved(format!("{path}{query}")).into_response()
}

fn without_body(mut response: Response) -> Response {
    response.set_status(StatusCode::NO_CONTENT);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().insert("preference-applied", header::HeaderValue::from_static("return=minimal"));
    response.set_body(());
    response
}

fn reason(panic: &Box<dyn std::any::Any + Send>) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

/// `/api/posts/{id}` as poem-openapi names it among its endpoints: `/api/posts/:param0`.
fn shape(template: &str) -> String {
    let mut count = 0;
    let segments = template.split('/').map(|segment| {
        if !segment.starts_with('{') {
            return segment.to_owned();
        }
        count += 1;
        format!(":param{}", count - 1)
    });
    segments.collect::<Vec<_>>().join("/")
}
