//! The gate made from the document: what is written must be there, and what is there must be written.
use std::collections::{BTreeMap, HashMap};

use poem::{Response, endpoint::BoxEndpoint, http::Method};
use serde_json::Value;

use super::{Gate, resource::Resource, running::Keys};
use crate::{
    contract::check::Compiler,
    edge::{credential::Authenticate, operation::Operation, router::Router},
};

type Endpoints = HashMap<String, HashMap<Method, BoxEndpoint<'static, Response>>>;

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
            router.add(
                template,
                ["/docs/{", "/redirects/{", "/upstreams/{"].iter().any(|rest| template.contains(rest)),
                places.len(),
            );
            places.push(Resource::new(operations, template));
        }
        match endpoints.into_keys().next() {
            Some(hidden) => Err(format!("{hidden} is not in the document")),
            None => Ok(Gate {
                router,
                places,
                authenticate,
                running: Keys::default(),
                require_if_match: false,
                body_limit: 1_048_576,
            }),
        }
    }
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
