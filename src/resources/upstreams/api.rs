//! Operations that proxy requests to upstreams.
use macros::operations;

use super::{
    service::Upstreams,
    types::{UpstreamJson, UpstreamList, UpstreamName, UpstreamPath, UpstreamQuery, UpstreamRequest},
};
use crate::http::{
    auth::{Caller, Staff},
    extract::{Client, IfNoneMatch, JsonBody, ManySegments, Path, Query},
    problem::{ApiError, NotFound, UpstreamErrors},
    response::{GetResponse, OrRedirect, UncachedResponse},
};

pub struct UpstreamsApi(pub Upstreams);

#[operations(prefix_path = "/api/upstreams", tag = "super::TAG")]
impl UpstreamsApi {
    /// List upstreams
    ///
    /// Returns the configured upstreams by name. Their addresses are not exposed.
    #[oai(path = "/", method = "get", operation_id = "upstreamsList")]
    async fn list(
        &self,
        _staff: Caller<Staff>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<UpstreamList>, ApiError<()>> {
        Ok(GetResponse::new(self.0.list(), &if_none_match.0))
    }

    /// Send a GET request to an upstream
    ///
    /// Sends a `GET` request to the path below the base URL of the upstream, and returns the JSON of its
    /// response, or the part that `pointer` selects. `X-Request-Id` is the only request header that is
    /// forwarded. Response headers are not forwarded; the ETag is computed from the returned JSON. Redirects
    /// are not followed. The upstream must return a success status and `application/json` of at most 1 MiB
    /// within 5 seconds. Any other response results in a 502, a timeout in a 504. A path with a trailing
    /// slash redirects to the path without it.
    #[oai(path = "/:upstream/:path", method = "get", operation_id = "upstreamsGet")]
    async fn get(
        &self,
        _staff: Caller<Staff>,
        client: Client,
        /// The configured name of the upstream.
        upstream: Path<UpstreamName>,
        /// The path below the base URL of the upstream, with any number of segments.
        path: Path<UpstreamPath, ManySegments>,
        query: Query<UpstreamQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<UpstreamJson>>, ApiError<(NotFound, UpstreamErrors)>> {
        let request = upstream_request(upstream, path, &query, client);
        Ok(OrRedirect::Body(GetResponse::new(self.0.get(&request).await?, &if_none_match.0)))
    }

    /// Send a POST request to an upstream
    ///
    /// Sends the JSON body in a `POST` request. Headers, limits and errors are the same as for `GET`. The
    /// request is never retried. After a 502 or a 504, the upstream may have processed it.
    #[oai(path = "/:upstream/:path", method = "post", operation_id = "upstreamsSend")]
    async fn send(
        &self,
        _staff: Caller<Staff>,
        client: Client,
        /// The configured name of the upstream.
        upstream: Path<UpstreamName>,
        /// The path below the base URL of the upstream, with any number of segments.
        path: Path<UpstreamPath, ManySegments>,
        query: Query<UpstreamQuery>,
        body: JsonBody<UpstreamJson>,
    ) -> Result<OrRedirect<UncachedResponse<UpstreamJson>>, ApiError<(NotFound, UpstreamErrors)>> {
        let request = upstream_request(upstream, path, &query, client);
        Ok(OrRedirect::Body(UncachedResponse::new(self.0.send(&request, body.0).await?)))
    }
}

fn upstream_request(
    upstream: Path<UpstreamName>,
    path: Path<UpstreamPath, ManySegments>,
    query: &UpstreamQuery,
    client: Client,
) -> UpstreamRequest {
    UpstreamRequest {
        upstream: upstream.0,
        path: path.0,
        query: query.clone(),
        request_id: client.request_id,
    }
}
