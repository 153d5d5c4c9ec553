//! Upstreams: other services that staff may ask through this one, which knows their addresses and credentials.
mod api;
mod example;
mod forward;
mod part;
mod service;
mod types;

pub use api::UpstreamsApi;
pub use service::Upstreams;
pub use types::{
    Destination, Question, Relayed, Upstream, UpstreamList, UpstreamName, UpstreamPath, UpstreamQuery,
    UpstreamSettings,
};
