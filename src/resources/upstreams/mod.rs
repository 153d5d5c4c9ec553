//! Upstreams: configured JSON services that staff can call through this server. Addresses and credentials
//! stay on the server.
mod api;
mod example;
mod forward;
mod json_pointer;
mod service;
mod types;

pub use api::UpstreamsApi;
pub use service::Upstreams;
pub use types::{
    Upstream, UpstreamJson, UpstreamList, UpstreamName, UpstreamPath, UpstreamQuery, UpstreamRequest,
};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Upstreams", description: "Upstreams: other services, called through this one." };
