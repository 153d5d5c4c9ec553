//! Builds the dispatcher from the OpenAPI document. Every documented operation must have an endpoint and
//! every endpoint must be documented; otherwise the service does not start.
use std::collections::{BTreeMap, HashMap};

use poem::{Response, endpoint::BoxEndpoint, http::Method};
use serde_json::Value;

use super::{Dispatcher, in_flight_keys::InFlightKeys, path_item::PathItem};
use crate::{
    schema::Compiler,
    server::{credential::Authenticate, operation::Operation, router::Router},
};

type Endpoints = HashMap<String, HashMap<Method, BoxEndpoint<'static, Response>>>;

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Dispatcher {
    /// Compiles the dispatcher from the complete OpenAPI document and the endpoints.
    pub fn compile(
        document: &Value,
        endpoints: Endpoints,
        authenticate: Authenticate,
    ) -> Result<Self, String> {
        let mut endpoints: BTreeMap<String, _> = endpoints.into_iter().collect();
        let (mut router, mut path_items) = (Router::default(), Vec::new());
        let mut compiler = Compiler::new(document);
        for (template, item) in document["paths"].as_object().into_iter().flatten() {
            let mut methods = endpoints
                .remove(&poem_path(template))
                .ok_or_else(|| format!("{template} has no endpoint"))?;
            let mut operations = BTreeMap::new();
            for method in METHODS {
                let operation = &item[method.to_lowercase()];
                let endpoint =
                    methods.remove(&Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?);
                match (operation.is_object(), endpoint) {
                    (true, Some(endpoint)) => {
                        operations
                            .insert(method, Operation::compile(&mut compiler, item, operation, endpoint)?);
                    }
                    (false, None) => {}
                    _ => {
                        return Err(format!("{method} {template} is undocumented or has no endpoint"));
                    }
                }
            }
            // OpenAPI cannot declare that a path parameter matches several segments.
            router.add(
                template,
                ["/docs/{", "/redirects/{", "/upstreams/{"].iter().any(|prefix| template.contains(prefix)),
                path_items.len(),
            );
            path_items.push(PathItem::new(operations, template));
        }
        match endpoints.into_keys().next() {
            Some(path) => Err(format!("{path} is not in the OpenAPI document")),
            None => Ok(Dispatcher {
                router,
                path_items,
                authenticate,
                in_flight: InFlightKeys::default(),
                require_if_match: false,
                body_limit: 1_048_576,
            }),
        }
    }
}

/// Converts a path template to the form that poem-openapi uses: `/api/posts/{id}` to `/api/posts/:param0`.
fn poem_path(template: &str) -> String {
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
