//! One path of the document, and what it answers for all of its methods.
use std::collections::BTreeMap;

use poem::{
    IntoResponse, Request, Response,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};

use crate::{
    contract::{answer::Or, code::Code, problem::Problem},
    edge::operation::Operation,
};

/// The operations of one path, by method.
pub struct Resource {
    pub operations: BTreeMap<&'static str, Operation>,
    pub names: Vec<String>,
    allow: String,
    accept_patch: Option<String>,
    /// What every answer says where all of its operations end.
    pub ending: Vec<(HeaderName, HeaderValue)>,
}

impl Resource {
    pub fn new(operations: BTreeMap<&'static str, Operation>, template: &str) -> Self {
        let mut methods: Vec<&str> = operations.keys().copied().collect();
        if operations.contains_key("GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.sort_unstable();
        let ends = operations.values().all(|operation| !operation.ending.is_empty());
        let ending = operations.values().next().filter(|_| ends).map(|operation| operation.ending.clone());
        let patch = operations.get("PATCH").and_then(|operation| operation.body.as_ref());
        let accept_patch = patch.map(|body| body.media.join(", "));
        let names = template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let names = names.map(str::to_owned).collect();
        Resource {
            allow: methods.join(", "),
            operations,
            accept_patch,
            names,
            ending: ending.unwrap_or_default(),
        }
    }

    /// OPTIONS, and the methods that the path does not have.
    pub fn other(&self, method: &Method) -> Result<Response, Problem> {
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

/// The same address without the slash, for good.
pub fn moved(request: &Request) -> Response {
    let path = request.uri().path().trim_end_matches('/');
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Or::<Response>::Moved(format!("{path}{query}")).into_response()
}

/// Bytes that some clients send as they are, in the form that a header field can carry (RFC 3986, 2.1).
pub fn printable(target: &str) -> String {
    let mut printable = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            0x21..=0x7e => printable.push(char::from(byte)),
            other => printable.push_str(&format!("%{other:02X}")),
        }
    }
    printable
}
