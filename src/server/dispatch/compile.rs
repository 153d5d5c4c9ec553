//! Builds the dispatcher from the declared operations. Every operation must have an endpoint and every endpoint must be
//! declared; otherwise the service does not start.
use std::collections::{BTreeMap, HashMap};

use poem::{Response, endpoint::BoxEndpoint, http::Method};
use tokio::sync::Semaphore;

use super::{Dispatcher, in_flight_keys::InFlightKeys, path_item::PathItem};
use crate::{
    http::{operation::Operation, router::Router},
    infra::client_permits::{ClientPermits, PermitLimits},
    server::{
        credential::Authenticator,
        operation::{CompiledOperation, RequestDocument},
        response_cache::ResponseCache,
        response_headers::Cors,
    },
};

/// Endpoints by path, in the form of [`poem_path`], and by method.
type Endpoints = HashMap<String, HashMap<Method, BoxEndpoint<'static, Response>>>;

/// The searches of a client at the same time. Others wait for it, up to a maximum.
const SEARCHES: PermitLimits = PermitLimits {
    running: Semaphore::MAX_PERMITS,
    running_per_client: 2,
    accepted: usize::MAX,
    accepted_per_client: 8,
};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Dispatcher {
    /// Creates the dispatcher from all operations and their endpoints. `request_document` returns the schemas of a
    /// request; it is called on the first request to an operation.
    pub fn new(
        operations: &[Operation],
        request_document: RequestDocument,
        mut endpoints: Endpoints,
        authenticator: Authenticator,
    ) -> Result<Self, String> {
        let mut paths: BTreeMap<&str, Vec<(usize, &Operation)>> = BTreeMap::new();
        for (number, operation) in operations.iter().enumerate() {
            paths.entry(operation.path).or_default().push((number, operation));
        }
        let (mut router, mut path_items) = (Router::default(), Vec::new());
        for (template, operations) in paths {
            let mut methods = endpoints.remove(&poem_path(template)).unwrap_or_default();
            let many_segments = operations[0].1.many_segments;
            let mut compiled = BTreeMap::new();
            for (number, operation) in operations {
                let id = operation.id;
                let endpoint =
                    methods.remove(&operation.method).ok_or_else(|| format!("{id} has no endpoint"))?;
                let method = METHODS.iter().find(|method| operation.method == **method);
                let method = method.ok_or_else(|| format!("{id}: {} is not supported", operation.method))?;
                if operation.many_segments != many_segments {
                    return Err(format!(
                        "{id}: another operation of {template} differs in whether its last parameter has many segments"
                    ));
                }
                let operation = CompiledOperation::new((number, operation), endpoint, request_document);
                compiled.insert(*method, operation.map_err(|error| format!("{id}: {error}"))?);
            }
            if let Some(method) = methods.into_keys().next() {
                return Err(format!("{method} {template} has an endpoint but no declared operation"));
            }
            router.add(template, many_segments, path_items.len());
            path_items.push(PathItem::new(compiled, template));
        }
        match endpoints.into_keys().next() {
            Some(path) => Err(format!("{path} has an endpoint but no declared operation")),
            None => Ok(Dispatcher {
                router,
                path_items,
                operation_ids: operations.iter().map(|operation| operation.id).collect(),
                probes: operations
                    .iter()
                    .filter(|operation| operation.rate_limit.is_none())
                    .map(|operation| operation.path)
                    .collect(),
                authenticator,
                in_flight: InFlightKeys::default(),
                searches: ClientPermits::new(SEARCHES),
                daily_writes: None,
                require_if_match: false,
                body_limit: 1_048_576,
                form_limit: usize::MAX,
                cache: ResponseCache::disabled(),
                cors: Cors::default(),
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
