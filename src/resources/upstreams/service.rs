//! Upstream service: finds the target of a request and selects a part of its response.
use std::sync::Arc;

use super::{
    json_pointer::select,
    types::{
        Upstream, UpstreamJson, UpstreamList, UpstreamName, UpstreamRequest, UpstreamSettings, UpstreamTarget,
    },
};
use crate::{
    http::problem::{Error, Result},
    infra::http_client::{HttpClient, Timeouts},
};

/// Maximum size of a response body, in bytes.
const MAX_BODY: usize = 1 << 20;

#[derive(Clone)]
pub struct Upstreams {
    targets: Arc<[UpstreamTarget]>,
    pub(super) outgoing: HttpClient,
}

impl Upstreams {
    pub fn new(settings: UpstreamSettings, outgoing: HttpClient) -> Self {
        let mut targets = settings.targets;
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let patience = Timeouts { total: settings.timeout, max_body_bytes: MAX_BODY };
        Upstreams { targets: targets.into(), outgoing: HttpClient { timeouts: patience, ..outgoing } }
    }

    pub fn list(&self) -> UpstreamList {
        let upstream = |target: &UpstreamTarget| Upstream {
            name: UpstreamName(target.name.clone()),
            href: format!("/api/upstreams/{}", target.name),
        };
        UpstreamList { data: self.targets.iter().map(upstream).collect() }
    }

    /// Sends a `GET` request. If the client disconnects, the upstream request is canceled.
    pub async fn get(&self, request: &UpstreamRequest) -> Result<UpstreamJson> {
        self.proxy(request, None).await
    }

    /// Sends a `POST` request.
    pub async fn send(&self, request: &UpstreamRequest, body: UpstreamJson) -> Result<UpstreamJson> {
        self.proxy(request, Some(body)).await
    }

    async fn proxy(&self, request: &UpstreamRequest, body: Option<UpstreamJson>) -> Result<UpstreamJson> {
        let target = self.targets.iter().find(|target| target.name == request.upstream.0);
        let target = target.ok_or(Error::NotFound("upstream"))?;
        let json = self.forward(target, request, body).await?;
        match request.query.pointer.as_deref().unwrap_or_default() {
            "" => Ok(UpstreamJson(json)),
            pointer => {
                let selected =
                    select(&json, pointer).ok_or(Error::NotFound("part of the upstream's response"))?;
                Ok(UpstreamJson(selected.to_owned()))
            }
        }
    }
}
