//! Upstream service: sends requests to configured upstreams and selects a part of the response.
use std::{sync::Arc, time::Duration};

use super::{
    json_pointer::select,
    types::{Upstream, UpstreamJson, UpstreamList, UpstreamRequest},
};
use crate::{
    config::{ConfiguredUpstream, UpstreamsConfig},
    http::problem::{Error, Result},
    infra::http_client::{HttpClient, Timeouts},
};

/// The timeout for a request and its complete response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of a response body, in bytes.
const MAX_BODY: usize = 1 << 20;

#[derive(Clone)]
pub struct Upstreams {
    targets: Arc<[ConfiguredUpstream]>,
    pub http_client: HttpClient,
}

impl Upstreams {
    /// Creates the service. `timeout_scale` multiplies the timeout of a request.
    pub fn new(config: &UpstreamsConfig, timeout_scale: f64, http_client: HttpClient) -> Self {
        let mut targets = config.upstreams.0.clone();
        targets.sort_by(|a, b| a.name.cmp(&b.name));
        let timeouts = Timeouts { total: TIMEOUT.mul_f64(timeout_scale), max_body_bytes: MAX_BODY };
        Upstreams { targets: targets.into(), http_client: HttpClient { timeouts, ..http_client } }
    }

    pub fn list(&self) -> UpstreamList {
        let upstream = |target: &ConfiguredUpstream| Upstream {
            name: target.name.as_str().into(),
            href: format!("/api/upstreams/{}", target.name).into(),
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
        let target = self.targets.iter().find(|target| target.name == request.upstream.as_str());
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
