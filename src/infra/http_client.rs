//! The HTTP client for all outgoing requests, with protection against server-side request forgery (SSRF).
//!
//! - Every resolved address is checked immediately before the connection, and the connection uses that
//!   address. A second DNS lookup could return another one (DNS rebinding).
//! - Redirects are not followed, because their target could be private.
//! - Time and response size are limited.
pub mod address;
mod calls;
mod resolver;
mod target;

use std::{
    error::Error as StdError,
    io,
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Method, RequestBuilder, Response,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use rustls::{ClientConfig, RootCertStore};

use crate::domain::secret::Secret;

use resolver::{LookupError, PublicResolver};

pub use calls::{CallKind, CallMetrics};
pub use resolver::{LookupFn, Resolver};
pub use target::RequestUrl;

/// The error of an outgoing request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("invalid URL: {0}")]
    InvalidUrl(&'static str),
    #[error(
        "the URL must start with https:// (the setting allow_private_networks, for upstreams upstreams_allow_private_networks, allows http://)"
    )]
    PlaintextUrl,
    #[error(
        "{0} has the address {1}, which is not public (the setting allow_private_networks, for upstreams upstreams_allow_private_networks, allows it)"
    )]
    PrivateAddress(String, IpAddr),
    #[error("the host {0} cannot be resolved")]
    UnknownHost(String),
    #[error("cannot connect to {0}: {1}")]
    ConnectionFailed(String, String),
    #[error("the TLS handshake with {0} failed: {1}")]
    TlsFailed(String, rustls::Error),
    #[error("invalid or incomplete response from {0}: {1}")]
    InvalidResponse(String, String),
    #[error("no complete response from {0} within {1:?}")]
    TimedOut(String, Duration),
    #[error("the response of {0} is larger than {1} bytes")]
    ResponseTooLarge(String, usize),
    #[error("{0} sent an encoded response, but the request accepts identity only")]
    UnexpectedEncoding(String),
    #[error("the header {0} has a value that cannot be sent")]
    InvalidHeader(&'static str),
    #[error("cannot create the client: {0}")]
    InvalidClient(reqwest::Error),
}

/// A request header: its name in lower case, and its value.
pub type Header<'a> = (&'static str, &'a str);

/// A header that the receiver of a request has chosen. The value may be a credential.
pub type OwnHeader = (String, Secret<String>);

/// A response, including redirects and errors: every status is returned to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    pub status: u16,
    /// The media type in lower case, without parameters.
    pub content_type: String,
    /// The value of `Retry-After`, unparsed.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// Limits of a request.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// From DNS lookup to the last byte of the response.
    pub total: Duration,
    pub max_body_bytes: usize,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { total: Duration::from_secs(2), max_body_bytes: 1 << 20 }
    }
}

/// A request to send.
struct OutgoingRequest {
    method: Method,
    headers: HeaderMap,
    body: Option<Bytes>,
    /// Truncates a response that is too large, instead of failing.
    truncate: bool,
}

/// Builds the header map.
fn header_map(headers: &[Header<'_>]) -> Result<HeaderMap, ClientError> {
    let field = |(name, value): &Header<'_>| {
        let mut value = HeaderValue::from_str(value).map_err(|_| ClientError::InvalidHeader(name))?;
        let name = HeaderName::from_static(name);
        // Debug output must not contain the credential.
        value.set_sensitive(name == header::AUTHORIZATION);
        Ok((name, value))
    };
    headers.iter().map(field).collect()
}

/// An HTTP client. Clones share the TLS configuration.
#[derive(Debug, Clone)]
pub struct HttpClient {
    /// Allows http:// and addresses that are not public.
    pub allow_private: bool,
    pub resolver: Resolver,
    pub timeouts: Timeouts,
    pub tls: Arc<ClientConfig>,
    pub calls: Arc<CallMetrics>,
}

/// The shared TLS configuration, because the root certificates take memory.
static TLS: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    tls(roots).map(Arc::new)
});

/// Returns a configuration for TLS 1.2 and 1.3 with these root certificates.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl HttpClient {
    pub fn new(private: bool, kind: CallKind) -> Result<Self, rustls::Error> {
        let tls = TLS.clone()?;
        Ok(HttpClient {
            allow_private: private,
            resolver: Resolver::System,
            timeouts: Timeouts::default(),
            tls,
            calls: Arc::new(CallMetrics::new(kind)),
        })
    }

    /// Sends a GET request that accepts these media types.
    pub async fn get(&self, url: &str, accept: &'static str) -> Result<HttpResponse, ClientError> {
        self.request(url, &[("accept", accept)], None).await
    }

    /// Sends a POST request with these headers, and with the receiver's own ones, which replace none of them. A response
    /// that is too large is truncated.
    pub async fn post(
        &self,
        url: &str,
        headers: &[Header<'_>],
        own: &[OwnHeader],
        body: Bytes,
    ) -> Result<HttpResponse, ClientError> {
        let mut map = header_map(headers)?;
        for (name, value) in own {
            let invalid = || ClientError::InvalidHeader("of the endpoint");
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| invalid())?;
            value.set_sensitive(true);
            map.entry(name).or_insert(value);
        }
        self.post_with(url, map, body).await
    }

    /// Sends a POST request with these headers. A response that is too large is truncated.
    pub async fn post_with(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<HttpResponse, ClientError> {
        let body = Some(body);
        self.send(url, OutgoingRequest { method: Method::POST, headers, body, truncate: true }).await
    }

    /// Sends a request with headers: a POST if there is a body, else a GET.
    pub async fn request(
        &self,
        url: &str,
        headers: &[Header<'_>],
        body: Option<Bytes>,
    ) -> Result<HttpResponse, ClientError> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let headers = header_map(headers)?;
        self.send(url, OutgoingRequest { method, headers, body, truncate: false }).await
    }

    /// Checks a URL without resolving its host name.
    pub fn check_url(&self, url: &str) -> Result<(), ClientError> {
        self.target(url).map(|_| ())
    }

    fn target(&self, url: &str) -> Result<RequestUrl, ClientError> {
        let target = RequestUrl::parse(url)?;
        if !target.https && !self.allow_private {
            return Err(ClientError::PlaintextUrl);
        }
        match target.ip_literal() {
            Some(address) if !self.allow_private && !address::is_public(address) => {
                Err(ClientError::PrivateAddress(target.host, address))
            }
            _ => Ok(target),
        }
    }

    async fn send(&self, url: &str, outgoing: OutgoingRequest) -> Result<HttpResponse, ClientError> {
        let span = self.calls.begin_span(&outgoing.method);
        let outgoing = self.calls.add_trace_headers(outgoing, span.as_ref());
        let target = self.target(url);
        let host = target.as_ref().map(|target| target.host.clone()).unwrap_or_default();
        let result = match target {
            Ok(target) => self.exchange(target, outgoing).await,
            Err(error) => Err(error),
        };
        self.calls.record(&result, &host, span);
        result
    }

    async fn exchange(
        &self,
        target: RequestUrl,
        outgoing: OutgoingRequest,
    ) -> Result<HttpResponse, ClientError> {
        let truncate = outgoing.truncate;
        let response = self.build_request(&target, outgoing)?.send().await;
        let response = response.map_err(|error| self.error(&target.host, &error))?;
        self.read(response, &target.host, truncate).await
    }

    /// Builds the request and its client. Requests share no client, because each has a connection of its own:
    /// an idle connection would skip the check of the address. The TLS sessions are shared.
    fn build_request(
        &self,
        target: &RequestUrl,
        outgoing: OutgoingRequest,
    ) -> Result<RequestBuilder, ClientError> {
        let resolver = PublicResolver { lookup: self.resolver.clone(), allow_private: self.allow_private };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured((*self.tls).clone())
            .dns_resolver(resolver)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .http1_only()
            .http1_max_headers(100)
            .pool_max_idle_per_host(0)
            .timeout(self.timeouts.total)
            // Divided by the number of addresses: if one of them drops packets, the others get their chance.
            .connect_timeout(self.timeouts.total)
            .build()
            .map_err(ClientError::InvalidClient)?;
        let request = client
            .request(outgoing.method, target.url.clone())
            .headers(outgoing.headers)
            .header(header::USER_AGENT, concat!("tenon/", env!("CARGO_PKG_VERSION")))
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close");
        Ok(match outgoing.body {
            Some(body) => request.body(body),
            None => request,
        })
    }

    async fn read(
        &self,
        mut response: Response,
        host: &str,
        truncate: bool,
    ) -> Result<HttpResponse, ClientError> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if !truncate && text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.trim() != "identity") {
            return Err(ClientError::UnexpectedEncoding(host.to_owned()));
        }
        let max = self.timeouts.max_body_bytes;
        let too_large = || ClientError::ResponseTooLarge(host.to_owned(), max);
        if !truncate && response.content_length().is_some_and(|length| length > max as u64) {
            return Err(too_large());
        }
        let media = text(header::CONTENT_TYPE).and_then(|media| media.split(';').next()).unwrap_or_default();
        let (status, content_type) = (response.status().as_u16(), media.trim().to_ascii_lowercase());
        let retry_after = text(header::RETRY_AFTER).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.error(host, &error))? {
            let available = max - body.len();
            if chunk.len() > available {
                if !truncate {
                    return Err(too_large());
                }
                body.extend_from_slice(&chunk[..available]);
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, content_type, retry_after, body })
    }

    /// Classifies an error of reqwest by its causes.
    fn error(&self, host: &str, error: &reqwest::Error) -> ClientError {
        let host = host.to_owned();
        if error.is_timeout() {
            return ClientError::TimedOut(host, self.timeouts.total);
        }
        let mut root: &(dyn StdError + 'static) = error;
        while let Some(cause) = cause(root) {
            root = cause;
        }
        match (root.downcast_ref(), root.downcast_ref()) {
            (Some(LookupError::NotFound), _) => ClientError::UnknownHost(host),
            (Some(LookupError::Private(address)), _) => ClientError::PrivateAddress(host, *address),
            (None, Some(tls)) => ClientError::TlsFailed(host, rustls::Error::clone(tls)),
            _ if error.is_connect() => ClientError::ConnectionFailed(host, root.to_string()),
            _ => ClientError::InvalidResponse(host, root.to_string()),
        }
    }
}

/// Returns the cause of an error. `io::Error::source` skips the error that it wraps.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests;
