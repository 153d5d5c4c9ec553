//! `/metrics`: the metrics of the service for Prometheus. The page is not an operation of the API, because its access
//! depends on the connection and not on an account.
use std::{net::IpAddr, str::FromStr};

use futures_util::future::BoxFuture;
use poem::{
    Request, Response,
    http::{HeaderMap, Method, StatusCode, header},
};

use super::{HttpService, content_encoding};
use crate::{
    domain::secret::{Secret, constant_time_eq},
    http::{problem::Problem, problem_code::ProblemCode},
    infra::metrics::{CONTENT_TYPE, Exposition, write_process_metrics},
};

pub const PATH: &str = "/metrics";

/// Headers that proxies add. A request with one of them may come from another machine, although its peer is local.
const FORWARDING_HEADERS: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// The clients that may read the metrics without a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MetricsAccess {
    /// Clients on this machine, unless a proxy forwards the request.
    #[default]
    Loopback,
    /// All clients.
    On,
    /// None. A token gives no access either.
    Off,
}

impl FromStr for MetricsAccess {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "loopback" => Ok(MetricsAccess::Loopback),
            "on" => Ok(MetricsAccess::On),
            "off" => Ok(MetricsAccess::Off),
            other => Err(format!("must be loopback, on or off, got {other}")),
        }
    }
}

/// Writes the metrics of the services.
pub type WriteMetrics = Box<dyn Fn(Exposition) -> BoxFuture<'static, Exposition> + Send + Sync>;

/// The access to the metrics, and the function that writes those of the services.
pub struct MetricsPage {
    pub access: MetricsAccess,
    /// Required from all clients, if it is set.
    pub token: Option<Secret<String>>,
    pub write: WriteMetrics,
}

impl MetricsPage {
    fn permits(&self, peer: Option<IpAddr>, is_proxy: bool, headers: &HeaderMap) -> bool {
        match (self.access, &self.token) {
            (MetricsAccess::Off, _) => false,
            (_, Some(token)) => {
                sent_token(headers).is_some_and(|sent| constant_time_eq(sent, token.expose()))
            }
            (MetricsAccess::On, None) => true,
            (MetricsAccess::Loopback, None) => {
                peer.is_some_and(|peer| peer.to_canonical().is_loopback())
                    && !is_proxy
                    && !FORWARDING_HEADERS.iter().any(|name| headers.contains_key(*name))
            }
        }
    }
}

/// Returns the token of the only `Authorization` header.
fn sent_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl HttpService {
    /// Returns the metrics. `None` for other paths and for clients without access, which get the 404 of an unknown path
    /// and are rate limited.
    pub(super) async fn respond_with_metrics(
        &self,
        request: &Request,
        peer: Option<IpAddr>,
    ) -> Option<Result<Response, Problem>> {
        let is_proxy = peer.is_some_and(|peer| self.proxies.trusted(peer));
        if request.uri().path() != PATH || !self.metrics_page.permits(peer, is_proxy, request.headers()) {
            return None;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let problem = Problem::new(ProblemCode::MethodNotAllowed, "this page supports GET and HEAD only");
            return Some(Err(problem.header(header::ALLOW, "GET, HEAD")));
        }
        if let Err(problem) = content_encoding::check_acceptable(request.headers()) {
            return Some(Err(problem));
        }
        let text = self.metrics_text().await;
        let response = Response::builder().status(StatusCode::OK).content_type(CONTENT_TYPE);
        Some(Ok(response.header(header::CACHE_CONTROL, "no-store").body(text)))
    }

    async fn metrics_text(&self) -> String {
        let mut out = Exposition::default();
        let version = [([("version", env!("CARGO_PKG_VERSION"))], 1)];
        out.gauges("tenon_build_info", "The version of the program. The value is always 1.", version);
        write_process_metrics(&mut out);
        self.metrics.write(&mut out);
        self.dispatcher.cache.write_metrics(&mut out, self.metrics.hits());
        let help = "Lines of the access log that were dropped because its reader is too slow.";
        out.counter("tenon_access_log_dropped_lines_total", help, self.access_log.dropped_lines());
        let rejections = self.rate_limits.rejections();
        let help = "Requests that exceeded a rate limit, by policy.";
        let samples = rejections.iter().map(|(policy, count)| ([("policy", *policy)], count));
        out.counters("tenon_http_rate_limit_rejections_total", help, samples);
        (self.metrics_page.write)(out).await.into_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(access: MetricsAccess, token: Option<&str>) -> MetricsPage {
        let token = token.map(|token| Secret::new(token.to_owned()));
        MetricsPage { access, token, write: Box::new(|out| Box::pin(async { out })) }
    }

    fn permits(page: &MetricsPage, peer: Option<&str>, headers: &[(&'static str, &str)]) -> bool {
        let peer = peer.map(|peer| peer.parse().unwrap());
        page.permits(
            peer,
            false,
            &headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
        )
    }

    #[test]
    fn loopback_excludes_other_machines_and_proxies() {
        let page = page(MetricsAccess::Loopback, None);
        for local in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(permits(&page, Some(local), &[]), "{local}");
            let peer = local.parse().ok();
            assert!(!page.permits(peer, true, &HeaderMap::new()), "{local}");
            for header in FORWARDING_HEADERS {
                assert!(!permits(&page, Some(local), &[(header, "127.0.0.1")]), "{header}");
            }
        }
        for peer in [None, Some("10.0.0.1"), Some("::ffff:10.0.0.1"), Some("fe80::1")] {
            assert!(!permits(&page, peer, &[]), "{peer:?}");
        }
    }

    #[test]
    fn a_token_is_required_from_all_clients_and_sufficient() {
        let bearer = |token: &'static str| [("authorization", token)];
        for access in [MetricsAccess::Loopback, MetricsAccess::On] {
            let page = page(access, Some("0123456789abcdef"));
            for (sent, expected) in [
                ("Bearer 0123456789abcdef", true),
                ("bearer 0123456789abcdef", true),
                ("Bearer 0123456789abcdeg", false),
                ("Bearer 0123456789abcde", false),
                ("Bearer", false),
                ("Basic 0123456789abcdef", false),
            ] {
                for peer in ["127.0.0.1", "10.0.0.1"] {
                    assert_eq!(permits(&page, Some(peer), &bearer(sent)), expected, "{sent}");
                }
            }
            assert!(!permits(&page, Some("127.0.0.1"), &[]));
            let twice = [("authorization", "Bearer 0123456789abcdef"), ("authorization", "Bearer x")];
            let mut headers = HeaderMap::new();
            for (name, value) in twice {
                headers.append(name, value.parse().unwrap());
            }
            assert!(!page.permits(None, false, &headers));
        }
        let off = page(MetricsAccess::Off, Some("0123456789abcdef"));
        assert!(!permits(&off, Some("127.0.0.1"), &bearer("Bearer 0123456789abcdef")));
        assert!(permits(&page(MetricsAccess::On, None), Some("10.0.0.1"), &[]));
    }
}
