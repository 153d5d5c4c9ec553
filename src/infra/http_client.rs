//! The HTTP client for all outgoing requests, with protection against server-side request forgery (SSRF).
//!
//! - Every resolved address is checked immediately before the connection, and the connection uses that
//!   address. A second DNS lookup could return another one (DNS rebinding).
//! - Redirects are not followed, because their target could be private.
//! - Time and response size are limited.
pub mod address;
mod target;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response,
    body::{Body, Incoming},
    client::conn::http1,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

pub use target::RequestUrl;

/// The error of an outgoing request.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("invalid URL: {0}")]
    InvalidUrl(&'static str),
    #[error(
        "the URL must start with https:// (the settings allow_private_networks and upstreams_allow_private_networks allow http://)"
    )]
    PlaintextUrl,
    #[error(
        "{0} has the address {1}, which is not public (the settings allow_private_networks and upstreams_allow_private_networks allow it)"
    )]
    PrivateAddress(String, IpAddr),
    #[error("the host {0} cannot be resolved")]
    UnknownHost(String),
    #[error("cannot connect to {0}: {1}")]
    ConnectionFailed(String, std::io::Error),
    #[error("the TLS handshake with {0} failed: {1}")]
    TlsFailed(String, std::io::Error),
    #[error("invalid or incomplete response from {0}: {1}")]
    InvalidResponse(String, hyper::Error),
    #[error("no complete response from {0} within {1:?}")]
    TimedOut(String, Duration),
    #[error("the response of {0} is larger than {1} bytes")]
    ResponseTooLarge(String, usize),
    #[error("{0} sent an encoded response, but the request accepts identity only")]
    UnexpectedEncoding(String),
    #[error("the header {0} has a value that cannot be sent")]
    InvalidHeader(&'static str),
}

/// A request header: its name in lower case, and its value.
pub type Header<'a> = (&'static str, &'a str);

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

/// Resolves host names. A name is resolved once per request, and the connection uses the checked address.
#[derive(Clone)]
pub enum Resolver {
    System,
    Custom(LookupFn),
}

pub type LookupFn = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Resolver::System) { "System" } else { "Custom" })
    }
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
    body: Bytes,
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
    pub fn new(private: bool) -> Result<Self, rustls::Error> {
        let tls = TLS.clone()?;
        Ok(HttpClient {
            allow_private: private,
            resolver: Resolver::System,
            timeouts: Timeouts::default(),
            tls,
        })
    }

    /// Sends a GET request that accepts these media types.
    pub async fn get(&self, url: &str, accept: &'static str) -> Result<HttpResponse, ClientError> {
        self.request(url, &[("accept", accept)], None).await
    }

    /// Sends a POST request. A response that is too large is truncated.
    pub async fn post(
        &self,
        url: &str,
        headers: &[Header<'_>],
        body: Bytes,
    ) -> Result<HttpResponse, ClientError> {
        self.send(
            url,
            OutgoingRequest { method: Method::POST, headers: header_map(headers)?, body, truncate: true },
        )
        .await
    }

    /// Sends a request with headers: a POST if there is a body, else a GET.
    pub async fn request(
        &self,
        url: &str,
        headers: &[Header<'_>],
        body: Option<Bytes>,
    ) -> Result<HttpResponse, ClientError> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (headers, body) = (header_map(headers)?, body.unwrap_or_default());
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
        let target = self.target(url)?;
        let time = self.timeouts.total;
        match timeout(time, self.attempt(&target, outgoing)).await {
            Ok(response) => response,
            Err(_) => Err(ClientError::TimedOut(target.host, time)),
        }
    }

    async fn attempt(
        &self,
        target: &RequestUrl,
        outgoing: OutgoingRequest,
    ) -> Result<HttpResponse, ClientError> {
        let stream = self.connect(target).await?;
        if !target.https {
            return self.exchange(stream, target, outgoing).await;
        }
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| ClientError::UnknownHost(target.host.clone()))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(|error| ClientError::TlsFailed(target.host.clone(), error))?;
        self.exchange(stream, target, outgoing).await
    }

    async fn connect(&self, target: &RequestUrl) -> Result<TcpStream, ClientError> {
        let not_resolved = || ClientError::UnknownHost(target.host.clone());
        let addresses: Vec<IpAddr> = match (target.ip_literal(), &self.resolver) {
            (Some(address), _) => vec![address],
            (None, Resolver::Custom(lookup)) => lookup(&target.host),
            (None, Resolver::System) => {
                let addresses = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
                addresses.map_err(|_| not_resolved())?.map(|address| address.ip()).collect()
            }
        };
        let mut last_error = not_resolved();
        let mut remaining = addresses.len();
        for address in addresses {
            remaining -= 1;
            if !self.allow_private && !address::is_public(address) {
                return Err(ClientError::PrivateAddress(target.host.clone(), address));
            }
            // If one of several addresses drops packets, the others must get their chance within the timeout.
            let limit = if remaining == 0 { self.timeouts.total } else { self.timeouts.total / 4 };
            match timeout(limit, TcpStream::connect(SocketAddr::new(address, target.port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last_error = ClientError::ConnectionFailed(target.host.clone(), error),
                Err(_) => last_error = ClientError::TimedOut(target.host.clone(), limit),
            }
        }
        Err(last_error)
    }

    async fn exchange<S>(
        &self,
        stream: S,
        target: &RequestUrl,
        outgoing: OutgoingRequest,
    ) -> Result<HttpResponse, ClientError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error| ClientError::InvalidResponse(target.host.clone(), error);
        let mut client = http1::Builder::new();
        client.max_buf_size(1 << 16).max_headers(100);
        let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // The set aborts the connection task when this future is dropped, for example by the timeout.
        let mut connection_task = JoinSet::new();
        connection_task.spawn(connection);
        let truncate = outgoing.truncate;
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.headers_mut() = outgoing.headers;
        *request.uri_mut() =
            target.path.parse().map_err(|_| ClientError::InvalidUrl("its path is invalid"))?;
        let value = HeaderValue::from_static;
        let headers = request.headers_mut();
        headers.insert(header::HOST, target.authority.clone());
        headers.insert(header::USER_AGENT, value(concat!("tenon/", env!("CARGO_PKG_VERSION"))));
        headers.insert(header::ACCEPT_ENCODING, value("identity"));
        headers.insert(header::CONNECTION, value("close"));
        let response = sender.send_request(request).await.map_err(broken)?;
        self.read(response, target, truncate).await
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        target: &RequestUrl,
        truncate: bool,
    ) -> Result<HttpResponse, ClientError> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if !truncate && text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding.trim() != "identity") {
            return Err(ClientError::UnexpectedEncoding(target.host.clone()));
        }
        let too_large = || ClientError::ResponseTooLarge(target.host.clone(), self.timeouts.max_body_bytes);
        if !truncate && response.body().size_hint().lower() > self.timeouts.max_body_bytes as u64 {
            return Err(too_large());
        }
        let media = text(header::CONTENT_TYPE).and_then(|media| media.split(';').next()).unwrap_or_default();
        let (status, content_type) = (response.status().as_u16(), media.trim().to_ascii_lowercase());
        let retry_after = text(header::RETRY_AFTER).map(str::to_owned);
        let (mut frames, mut body) = (response.into_body(), Vec::new());
        while let Some(frame) = frames.frame().await {
            let frame = frame.map_err(|error| ClientError::InvalidResponse(target.host.clone(), error))?;
            let Ok(chunk) = frame.into_data() else { continue };
            let available = self.timeouts.max_body_bytes - body.len();
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
}

#[cfg(test)]
mod tests;
