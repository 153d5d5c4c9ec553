use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Notations of addresses that are not public, as the host part of a URL.
const PRIVATE_NOTATIONS: &[&str] = &[
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.0x0.0x0.0x1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "017700000001",
    "127.0x0.0.01",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "012.0.0.1",
    "167772161",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[100::1]",
    "[2001::7f00:1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "user@127.0.0.1",
    "example.org@127.0.0.1",
    "127.0.0.1#@example.org",
    "127。0。0。1",
];

/// Starts a server on the loopback interface that counts connections. No test may reach it.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, connections) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counter = connections.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, connections)
}

/// Starts a server that handles each connection with `talk`.
async fn server<F, Fut>(talk: F) -> u16
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream));
        }
    });
    port
}

fn client_resolving_to(addresses: &'static [&'static str]) -> HttpClient {
    let names =
        Resolver::Custom(Arc::new(|_| addresses.iter().map(|address| address.parse().unwrap()).collect()));
    HttpClient { resolver: names, ..HttpClient::new(false, CallKind::Rates).unwrap() }
}

#[tokio::test]
async fn rejects_every_notation_of_a_private_address() {
    assert!(PRIVATE_NOTATIONS.len() >= 60);
    let (port, connections) = canary().await;
    let outgoing = HttpClient::new(false, CallKind::Rates).unwrap();
    for notation in PRIVATE_NOTATIONS {
        let error = outgoing.get(&format!("https://{notation}:{port}/"), "*/*").await.unwrap_err();
        let before_connecting = matches!(
            error,
            ClientError::InvalidUrl(_) | ClientError::PrivateAddress(..) | ClientError::UnknownHost(_)
        );
        assert!(before_connecting, "{notation}: {error}");
        assert!(outgoing.get(&format!("http://{notation}:{port}/"), "*/*").await.is_err(), "{notation}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rejects_names_that_resolve_to_private_addresses() {
    let (port, connections) = canary().await;
    let all: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["169.254.169.254"],
        &["10.0.0.1", "2000::1"],
    ];
    for addresses in all {
        let error = client_resolving_to(addresses)
            .get(&format!("https://source.test:{port}/"), "*/*")
            .await
            .unwrap_err();
        assert!(matches!(error, ClientError::PrivateAddress(..)), "{addresses:?}: {error}");
    }
    assert!(matches!(
        client_resolving_to(&[]).get("https://source.test/", "*/*").await,
        Err(ClientError::UnknownHost(_))
    ));
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn resolves_a_name_once() {
    let (port, connections) = canary().await;
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = lookups.clone();
    // 2000::1 is public but unassigned. A second lookup would return the address of the canary.
    let names = Resolver::Custom(Arc::new(move |_| match counter.fetch_add(1, Ordering::SeqCst) {
        0 => vec!["2000::1".parse().unwrap()],
        _ => vec!["127.0.0.1".parse().unwrap()],
    }));
    let patience = Timeouts { total: Duration::from_millis(300), ..Timeouts::default() };
    let outgoing = HttpClient {
        resolver: names,
        timeouts: patience,
        ..HttpClient::new(false, CallKind::Rates).unwrap()
    };
    let error = outgoing.get(&format!("https://source.test:{port}/"), "*/*").await.unwrap_err();
    assert!(matches!(error, ClientError::ConnectionFailed(..) | ClientError::TimedOut(..)), "{error}");
    assert_eq!((lookups.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn accepts_public_addresses() {
    for address in ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.1"] {
        assert!(address::is_public(address.parse().unwrap()), "{address}");
    }
    for address in ["2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:200::1"] {
        assert!(address::is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn parses_urls_strictly() {
    for url in [
        "",
        "/v6",
        "source.test",
        "ftp://source.test/",
        "file:///etc/passwd",
        "https://",
        "https://:443/",
        "https://source.test:0/",
        "https://source.test:99999/",
        "https://source.test:/",
        "https://a:b@source.test/",
        "https://source.test/#top",
        "https://source test/",
        "https://source.test/\r\nHost: other.test",
        "https://source.test\\@127.0.0.1/",
        "https:///source.test/",
        "https:source.test/",
        "https://source.test/a/../b",
        "https://source.test/a/%2e%2E/b",
        "https://source.test/a/.",
        "https://source.test/a b",
    ] {
        assert!(matches!(RequestUrl::parse(url), Err(ClientError::InvalidUrl(_))), "{url}");
    }
    let target = RequestUrl::parse("https://[::1]:8443/v6?key=a").unwrap();
    assert_eq!((target.host.as_str(), target.url.as_str()), ("::1", "https://[::1]:8443/v6?key=a"));
    let target = RequestUrl::parse("http://source.test").unwrap();
    assert_eq!((target.https, target.url.as_str()), (false, "http://source.test/"));
}

/// Reads a request head, so that closing the connection does not discard the response.
async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

async fn get_response(response: &'static str) -> Result<HttpResponse, ClientError> {
    let port = server(move |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(response.as_bytes()).await;
    })
    .await;
    let patience = Timeouts { total: Duration::from_secs(10), max_body_bytes: 16 };
    let outgoing =
        HttpClient { allow_private: true, timeouts: patience, ..client_resolving_to(&["127.0.0.1"]) };
    outgoing.get(&format!("http://source.test:{port}/"), "*/*").await
}

#[tokio::test]
async fn limits_the_response_size() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: Text/Plain; charset=utf-8\r\ncontent-length: 2\r\n\r\nok";
    let ok = get_response(ok).await.unwrap();
    assert_eq!((ok.status, ok.content_type.as_str(), &ok.body[..]), (200, "text/plain", &b"ok"[..]));
    let unframed = get_response("HTTP/1.0 200 OK\r\n\r\nto the end").await.unwrap();
    assert_eq!(unframed.body, b"to the end");
    let redirect =
        get_response("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(redirect.unwrap().status, 302);
    for long in [
        "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n",
        "HTTP/1.1 200 OK\r\n\r\n0123456789abcdefg",
    ] {
        let error = get_response(long).await.unwrap_err();
        assert!(matches!(error, ClientError::ResponseTooLarge(..)), "{long}: {error}");
    }
    let encoded =
        get_response("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(matches!(encoded, Err(ClientError::UnexpectedEncoding(_))));
    for broken in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "SSH-2.0-OpenSSH\r\n"] {
        let error = get_response(broken).await.unwrap_err();
        assert!(matches!(error, ClientError::InvalidResponse(..)), "{broken}: {error}");
    }
}

#[tokio::test]
async fn times_out() {
    let port = server(|mut stream| async move {
        // A response without a request is an invalid response, not a slow one.
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        std::future::pending().await
    })
    .await;
    let patience = Timeouts { total: Duration::from_millis(200), max_body_bytes: 16 };
    let outgoing =
        HttpClient { allow_private: true, timeouts: patience, ..client_resolving_to(&["127.0.0.1"]) };
    let error = outgoing.get(&format!("http://source.test:{port}/"), "*/*").await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(..)), "{error}");
}

#[tokio::test]
async fn verifies_the_certificate_against_the_host_name() {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tests/source.test.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tests/only-for-tests.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let port = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let request = head(&mut stream).await;
            let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{request}", request.len());
            let _ = stream.write_all(response.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let url = format!("https://source.test:{port}/v6?key=a");
    let untrusting = HttpClient { allow_private: true, ..client_resolving_to(&["127.0.0.1"]) };
    assert!(matches!(untrusting.get(&url, "*/*").await, Err(ClientError::TlsFailed(..))));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let trusting = HttpClient { tls: Arc::new(tls(roots).unwrap()), ..untrusting };
    let request = String::from_utf8(trusting.get(&url, "text/xml").await.unwrap().body).unwrap();
    assert!(request.starts_with("GET /v6?key=a HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: source.test:{port}\r\n")), "{request}");
    assert!(
        request.contains("accept: text/xml\r\n") && request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );
    let other = url.replace("source.test", "other.test");
    assert!(matches!(trusting.get(&other, "*/*").await, Err(ClientError::TlsFailed(..))));
}
