//! The one door for requests to the outside. An address is checked when it is connected to, nothing is
//! followed, and time and length of an answer have bounds.
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

pub use target::Target;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the address cannot be asked: {0}")]
    Url(&'static str),
    #[error(
        "the address is not https:// (the setting outgoing_private allows http, for upstreams upstreams_private)"
    )]
    Open,
    #[error(
        "{0} is at {1}, which is no public address (the setting outgoing_private allows it, for upstreams upstreams_private)"
    )]
    Private(String, IpAddr),
    #[error("no host of the name {0} is known")]
    Unknown(String),
    #[error("no connection to {0}: {1}")]
    Closed(String, std::io::Error),
    #[error("no TLS with {0}: {1}")]
    Tls(String, std::io::Error),
    #[error("what {0} sends is no whole answer: {1}")]
    Broken(String, hyper::Error),
    #[error("{0} gave no whole answer within {1:?}")]
    Slow(String, Duration),
    #[error("the answer of {0} is longer than {1} bytes")]
    Long(String, usize),
    #[error("{0} sends an encoded answer that nobody asked for")]
    Encoded(String),
    #[error("the field {0} has a value that cannot be sent")]
    Field(&'static str),
}

/// A field of a request: its name in lower case, and its value.
pub type Field<'a> = (&'static str, &'a str);

/// What somebody outside answered, a redirect too: nothing is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The media type in lower case, without its parameters.
    pub content_type: String,
    /// When it wants to be asked again, in its own words.
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// Who knows the addresses of names. A name is asked for once, and what comes back is connected to.
#[derive(Clone)]
pub enum Names {
    System,
    Told(LookUp),
}

pub type LookUp = Arc<dyn Fn(&str) -> Vec<IpAddr> + Send + Sync>;

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self, Names::System) { "System" } else { "Told" })
    }
}

/// How much patience there is with others.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the name's look-up to the last byte.
    pub time: Duration,
    pub body: usize,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { time: Duration::from_secs(2), body: 1 << 20 }
    }
}

/// What is sent.
struct Message {
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// Whether an answer that is too long is cut, and not refused.
    cut: bool,
}

fn headers(fields: &[Field<'_>]) -> Result<HeaderMap, Refused> {
    let field = |(name, value): &Field<'_>| {
        let mut value = HeaderValue::from_str(value).map_err(|_| Refused::Field(name))?;
        let name = HeaderName::from_static(name);
        // A credential is shown to nobody who prints a request.
        value.set_sensitive(name == header::AUTHORIZATION);
        Ok((name, value))
    };
    fields.iter().map(field).collect()
}

/// Sends requests to others.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Whether addresses that are not public, and http, are allowed.
    pub private: bool,
    pub names: Names,
    pub patience: Patience,
    pub tls: Arc<ClientConfig>,
}

/// Made once: it holds the roots of all that is trusted.
static TLS: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    tls(roots).map(Arc::new)
});

/// TLS 1.2 and 1.3, verified against these roots.
pub fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

impl Outgoing {
    pub fn new(private: bool) -> Result<Self, rustls::Error> {
        let tls = TLS.clone()?;
        Ok(Outgoing { private, names: Names::System, patience: Patience::default(), tls })
    }

    /// Asks for what is at this address. `accept` are the media types that are wanted.
    pub async fn get(&self, url: &str, accept: &'static str) -> Result<Answer, Refused> {
        self.request(url, &[("accept", accept)], None).await
    }

    /// Sends a body to this address. Of a long answer only the beginning is read.
    pub async fn post(&self, url: &str, fields: &[Field<'_>], body: Bytes) -> Result<Answer, Refused> {
        self.send(url, Message { method: Method::POST, headers: headers(fields)?, body, cut: true }).await
    }

    /// Asks with fields of one's own: with POST where there is a body, else with GET.
    pub async fn request(
        &self,
        url: &str,
        fields: &[Field<'_>],
        body: Option<Bytes>,
    ) -> Result<Answer, Refused> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let (headers, body) = (headers(fields)?, body.unwrap_or_default());
        self.send(url, Message { method, headers, body, cut: false }).await
    }

    /// Whether this address may be asked, as far as that can be said without looking up its name.
    pub fn allows(&self, url: &str) -> Result<(), Refused> {
        self.target(url).map(|_| ())
    }

    fn target(&self, url: &str) -> Result<Target, Refused> {
        let target = Target::parse(url)?;
        if !target.https && !self.private {
            return Err(Refused::Open);
        }
        match target.literal() {
            Some(address) if !self.private && !address::public(address) => {
                Err(Refused::Private(target.host, address))
            }
            _ => Ok(target),
        }
    }

    async fn send(&self, url: &str, message: Message) -> Result<Answer, Refused> {
        let target = self.target(url)?;
        let time = self.patience.time;
        match timeout(time, self.ask(&target, message)).await {
            Ok(answer) => answer,
            Err(_) => Err(Refused::Slow(target.host, time)),
        }
    }

    async fn ask(&self, target: &Target, message: Message) -> Result<Answer, Refused> {
        let stream = self.connect(target).await?;
        if !target.https {
            return self.exchange(stream, target, message).await;
        }
        let name = ServerName::try_from(target.host.clone());
        let name = name.map_err(|_| Refused::Unknown(target.host.clone()))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let stream = stream.map_err(|error| Refused::Tls(target.host.clone(), error))?;
        self.exchange(stream, target, message).await
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, Refused> {
        let unknown = || Refused::Unknown(target.host.clone());
        let known: Vec<IpAddr> = match (target.literal(), &self.names) {
            (Some(address), _) => vec![address],
            (None, Names::Told(told)) => told(&target.host),
            (None, Names::System) => {
                let known = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
                known.map_err(|_| unknown())?.map(|address| address.ip()).collect()
            }
        };
        let mut refused = unknown();
        let mut left = known.len();
        for address in known {
            left -= 1;
            if !self.private && !address::public(address) {
                return Err(Refused::Private(target.host.clone(), address));
            }
            // One of several that swallows all that is sent to it leaves time for the next.
            let most = if left == 0 { self.patience.time } else { self.patience.time / 4 };
            match timeout(most, TcpStream::connect(SocketAddr::new(address, target.port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => refused = Refused::Closed(target.host.clone(), error),
                Err(_) => refused = Refused::Slow(target.host.clone(), most),
            }
        }
        Err(refused)
    }

    async fn exchange<S>(&self, stream: S, target: &Target, message: Message) -> Result<Answer, Refused>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |error| Refused::Broken(target.host.clone(), error);
        let mut client = http1::Builder::new();
        client.max_buf_size(1 << 16).max_headers(100);
        let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Dropped with this answer, also when nobody waits for it any more.
        let mut driven = JoinSet::new();
        driven.spawn(connection);
        let cut = message.cut;
        let mut request = Request::new(Full::new(message.body));
        *request.method_mut() = message.method;
        *request.headers_mut() = message.headers;
        *request.uri_mut() = target.path.parse().map_err(|_| Refused::Url("its path is none"))?;
        let value = HeaderValue::from_static;
        let headers = request.headers_mut();
        headers.insert(header::HOST, target.authority.clone());
        headers.insert(header::USER_AGENT, value(concat!("tenon/", env!("CARGO_PKG_VERSION"))));
        headers.insert(header::ACCEPT_ENCODING, value("identity"));
        headers.insert(header::CONNECTION, value("close"));
        let response = sender.send_request(request).await.map_err(broken)?;
        self.read(response, target, cut).await
    }

    async fn read(
        &self,
        response: Response<Incoming>,
        target: &Target,
        cut: bool,
    ) -> Result<Answer, Refused> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if !cut && text(header::CONTENT_ENCODING).is_some_and(|coding| coding.trim() != "identity") {
            return Err(Refused::Encoded(target.host.clone()));
        }
        let long = || Refused::Long(target.host.clone(), self.patience.body);
        if !cut && response.body().size_hint().lower() > self.patience.body as u64 {
            return Err(long());
        }
        let media = text(header::CONTENT_TYPE).and_then(|media| media.split(';').next()).unwrap_or_default();
        let (status, content_type) = (response.status().as_u16(), media.trim().to_ascii_lowercase());
        let retry_after = text(header::RETRY_AFTER).map(str::to_owned);
        let (mut incoming, mut body) = (response.into_body(), Vec::new());
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| Refused::Broken(target.host.clone(), error))?;
            let Ok(piece) = frame.into_data() else { continue };
            let room = self.patience.body - body.len();
            if piece.len() > room {
                if !cut {
                    return Err(long());
                }
                body.extend_from_slice(&piece[..room]);
                break;
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer { status, content_type, retry_after, body })
    }
}

#[cfg(test)]
mod tests;
