//! One path of the OpenAPI document: its operations, and the responses to other methods.
use std::collections::BTreeMap;

use poem::{
    IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};

use crate::{
    http::{problem::Problem, problem_code::ProblemCode, response::OrRedirect},
    server::operation::{BodyRule, CompiledOperation},
};

/// The operations of one path, by method.
pub struct PathItem {
    pub operations: BTreeMap<&'static str, CompiledOperation>,
    pub names: Vec<String>,
    allow: String,
    accept_patch: Option<String>,
    /// The deprecation headers of all responses of this path, if every operation of it is deprecated.
    pub deprecation_headers: Vec<(HeaderName, HeaderValue)>,
}

impl PathItem {
    pub fn new(operations: BTreeMap<&'static str, CompiledOperation>, template: &str) -> Self {
        let mut methods: Vec<&str> = operations.keys().copied().collect();
        if operations.contains_key("GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        let all_deprecated = operations.values().all(|operation| !operation.deprecation_headers.is_empty());
        let deprecation_headers = operations
            .values()
            .next()
            .filter(|_| all_deprecated)
            .map(|operation| operation.deprecation_headers.clone());
        let patch = operations.get("PATCH").and_then(|operation| operation.body.as_ref());
        let accept_patch = patch.map(BodyRule::media_types);
        let names = template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let names = names.map(str::to_owned).collect();
        PathItem {
            allow: methods.join(", "),
            operations,
            accept_patch,
            names,
            deprecation_headers: deprecation_headers.unwrap_or_default(),
        }
    }

    /// Responds to OPTIONS with 204, and to unsupported methods with 405.
    pub fn other_method(&self, method: &Method) -> Result<Response, Problem> {
        if *method == Method::OPTIONS {
            let mut response =
                Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, &self.allow);
            if let Some(accept) = &self.accept_patch {
                response = response.header("accept-patch", accept);
            }
            return Ok(response.header(header::CACHE_CONTROL, "no-store").finish());
        }
        let detail = format!("this resource supports {}", self.allow);
        Err(Problem::new(ProblemCode::MethodNotAllowed, detail).header(header::ALLOW, &self.allow))
    }
}

/// Redirects permanently to the same path without its trailing slash.
pub fn redirect_without_slash(request: &Request) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    OrRedirect::<Response>::Redirect(format!("{path}{query}")).into_response()
}

/// Percent-encodes the bytes that a header cannot carry (RFC 3986, 2.1); some clients send them unencoded.
pub fn percent_encode(target: &str) -> String {
    let mut encoded = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            0x21..=0x7e => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
