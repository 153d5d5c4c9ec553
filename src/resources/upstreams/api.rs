//! What staff can ask of upstreams.
use poem_openapi::OpenApi;

use super::{
    service::Upstreams,
    types::{Question, Relayed, UpstreamList, UpstreamName, UpstreamPath, UpstreamQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Or, Told},
        caller::{Caller, Staff},
        problem::{Asking, Fault, NotFound},
        request::{Body, Client, IfNoneMatch, Path, Query},
    },
};

pub struct UpstreamsApi(pub Upstreams);

#[OpenApi(prefix_path = "/api/upstreams", tag = "Tag::Upstreams")]
impl UpstreamsApi {
    /// List the upstreams
    ///
    /// The services that an operator has set, by name. Where they are is not told.
    #[oai(path = "/", method = "get", operation_id = "upstreamsList")]
    async fn list(
        &self,
        _staff: Caller<Staff>,
        known: IfNoneMatch,
    ) -> Result<Found<UpstreamList>, Fault<()>> {
        Ok(Found::new(self.0.list(), &known.0))
    }

    /// Read from an upstream
    ///
    /// A `GET` to the path below the upstream's base, whose JSON is handed on, or the part of it that `pointer` names. No
    /// field of the request goes out but `X-Request-Id`, and none of the answer comes back: the ETag is made of what is
    /// handed on. Nothing is followed, and only success with `application/json` of at most 1 MiB will do: all else is
    /// 502, and what takes longer than 5 seconds is 504. With a slash at its end the path leads to the address without.
    #[oai(path = "/:upstream/:path", method = "get", operation_id = "upstreamsRead")]
    async fn read(
        &self,
        _staff: Caller<Staff>,
        client: Client,
        /// What the upstream is called here.
        upstream: Path<UpstreamName>,
        /// The path below the upstream's base, of as many segments as it has there.
        path: Path<UpstreamPath>,
        query: Query<UpstreamQuery>,
        known: IfNoneMatch,
    ) -> Result<Or<Found<Relayed>>, Fault<(NotFound, Asking)>> {
        let question = question(upstream, path, &query, client);
        Ok(Or::Here(Found::new(self.0.read(&question).await?, &known.0)))
    }

    /// Send JSON to an upstream
    ///
    /// A `POST`, else as with `GET`. It is sent once: whether it may be sent again is between the client and the
    /// upstream, also after 502 and 504.
    #[oai(path = "/:upstream/:path", method = "post", operation_id = "upstreamsSend")]
    async fn send(
        &self,
        _staff: Caller<Staff>,
        client: Client,
        /// What the upstream is called here.
        upstream: Path<UpstreamName>,
        /// The path below the upstream's base, of as many segments as it has there.
        path: Path<UpstreamPath>,
        query: Query<UpstreamQuery>,
        body: Body<Relayed>,
    ) -> Result<Or<Told<Relayed>>, Fault<(NotFound, Asking)>> {
        let question = question(upstream, path, &query, client);
        Ok(Or::Here(Told::new(self.0.send(&question, body.0).await?)))
    }
}

fn question(
    upstream: Path<UpstreamName>,
    path: Path<UpstreamPath>,
    query: &UpstreamQuery,
    client: Client,
) -> Question {
    Question { upstream: upstream.0, path: path.0, query: query.clone(), trace: client.trace }
}
