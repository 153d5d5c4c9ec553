//! Example values of upstreams for the OpenAPI document.
use poem_openapi::types::Example;

use super::types::{Upstream, UpstreamList, UpstreamQuery};

impl Example for Upstream {
    fn example() -> Self {
        Upstream { name: "weather".into(), href: "/api/upstreams/weather".into() }
    }
}

impl Example for UpstreamList {
    fn example() -> Self {
        UpstreamList { data: vec![Upstream::example()] }
    }
}

impl Example for UpstreamQuery {
    fn example() -> Self {
        UpstreamQuery {
            query: Some("city=Oslo&units=metric".into()),
            pointer: Some("/current/temperature".into()),
        }
    }
}
