//! What may be asked of upstreams.
use std::sync::Arc;

use super::{
    part::part,
    types::{Destination, Question, Relayed, Upstream, UpstreamList, UpstreamName, UpstreamSettings},
};
use crate::{
    contract::problem::{Error, Result},
    ports::outgoing::{Outgoing, Patience},
};

/// The most bytes of an answer.
const MOST: usize = 1 << 20;

#[derive(Clone)]
pub struct Upstreams {
    known: Arc<[Destination]>,
    pub(super) outgoing: Outgoing,
}

impl Upstreams {
    pub fn new(settings: UpstreamSettings, outgoing: Outgoing) -> Self {
        let mut known = settings.known;
        known.sort_by(|a, b| a.name.cmp(&b.name));
        let patience = Patience { time: settings.time, body: MOST };
        Upstreams { known: known.into(), outgoing: Outgoing { patience, ..outgoing } }
    }

    pub fn list(&self) -> UpstreamList {
        let upstream = |known: &Destination| Upstream {
            name: UpstreamName(known.name.clone()),
            href: format!("/api/upstreams/{}", known.name),
        };
        UpstreamList { data: self.known.iter().map(upstream).collect() }
    }

    /// Reads something of an upstream. Whoever waits for the answer no more ends the request too.
    pub async fn read(&self, question: &Question) -> Result<Relayed> {
        self.ask(question, None).await
    }

    /// Sends something to an upstream.
    pub async fn send(&self, question: &Question, body: Relayed) -> Result<Relayed> {
        self.ask(question, Some(body)).await
    }

    async fn ask(&self, question: &Question, body: Option<Relayed>) -> Result<Relayed> {
        let known = self.known.iter().find(|known| known.name == question.upstream.0);
        let known = known.ok_or(Error::NotFound("upstream"))?;
        let whole = self.forward(known, question, body).await?;
        match question.query.pointer.as_deref().unwrap_or_default() {
            "" => Ok(Relayed(whole)),
            pointer => {
                let found = part(&whole, pointer).ok_or(Error::NotFound("part of the upstream's answer"))?;
                Ok(Relayed(found.to_owned()))
            }
        }
    }
}
