use std::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Every way to say a place that is not public: what stands in the URL.
const FORMS: &[&str] = &[
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

/// A server on the loopback that counts who comes.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = came.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, came)
}

/// One whose answers `talk` gives.
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

fn told(addresses: &'static [&'static str]) -> Outgoing {
    let names = Names::Told(Arc::new(|_| addresses.iter().map(|address| address.parse().unwrap()).collect()));
    Outgoing { names, ..Outgoing::new(false).unwrap() }
}

#[tokio::test]
async fn no_form_of_an_address_leads_to_a_place_that_is_not_public() {
    assert!(FORMS.len() >= 60);
    let (port, came) = canary().await;
    let outgoing = Outgoing::new(false).unwrap();
    for form in FORMS {
        let refused = outgoing.get(&format!("https://{form}:{port}/"), "*/*").await.unwrap_err();
        let early = matches!(refused, Refused::Url(_) | Refused::Private(..) | Refused::Unknown(_));
        assert!(early, "{form}: {refused}");
        assert!(outgoing.get(&format!("http://{form}:{port}/"), "*/*").await.is_err(), "{form}");
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn no_name_leads_there_either() {
    let (port, came) = canary().await;
    let all: [&[&str]; 6] = [
        &["127.0.0.1"],
        &["::1"],
        &["::ffff:127.0.0.1"],
        &["64:ff9b::7f00:1"],
        &["169.254.169.254"],
        &["10.0.0.1", "2000::1"],
    ];
    for addresses in all {
        let refused = told(addresses).get(&format!("https://source.test:{port}/"), "*/*").await.unwrap_err();
        assert!(matches!(refused, Refused::Private(..)), "{addresses:?}: {refused}");
    }
    assert!(matches!(told(&[]).get("https://source.test/", "*/*").await, Err(Refused::Unknown(_))));
    assert_eq!(came.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_asked_for_once() {
    let (port, came) = canary().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    // Public, but of a block that nobody has: whoever looked the name up again would reach the canary.
    let names = Names::Told(Arc::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => vec!["2000::1".parse().unwrap()],
        _ => vec!["127.0.0.1".parse().unwrap()],
    }));
    let patience = Patience { time: Duration::from_millis(300), ..Patience::default() };
    let outgoing = Outgoing { names, patience, ..Outgoing::new(false).unwrap() };
    let refused = outgoing.get(&format!("https://source.test:{port}/"), "*/*").await.unwrap_err();
    assert!(matches!(refused, Refused::Closed(..) | Refused::Slow(..)), "{refused}");
    assert_eq!((asked.load(Ordering::SeqCst), came.load(Ordering::SeqCst)), (1, 0));
}

#[test]
fn what_is_public_stays_reachable() {
    for address in ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.32.0.1"] {
        assert!(address::public(address.parse().unwrap()), "{address}");
    }
    for address in ["2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2001:200::1"] {
        assert!(address::public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn urls_are_taken_apart_strictly() {
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
    ] {
        assert!(matches!(Target::parse(url), Err(Refused::Url(_))), "{url}");
    }
    let target = Target::parse("https://[::1]:8443/v6?key=a").unwrap();
    assert_eq!((target.host.as_str(), target.port, target.path.as_str()), ("::1", 8443, "/v6?key=a"));
    let target = Target::parse("http://source.test").unwrap();
    assert_eq!((target.https, target.port, target.path.as_str()), (false, 80, "/"));
}

/// Reads the head of a request, so that closing does not cut the answer off.
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

async fn answered(answer: &'static str) -> Result<Answer, Refused> {
    let port = server(move |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let patience = Patience { time: Duration::from_secs(10), body: 16 };
    let outgoing = Outgoing { private: true, patience, ..told(&["127.0.0.1"]) };
    outgoing.get(&format!("http://source.test:{port}/"), "*/*").await
}

#[tokio::test]
async fn an_answer_is_counted_as_it_comes() {
    let good = "HTTP/1.1 200 OK\r\ncontent-type: Text/Plain; charset=utf-8\r\ncontent-length: 2\r\n\r\nok";
    let good = answered(good).await.unwrap();
    assert_eq!((good.status, good.content_type.as_str(), &good.body[..]), (200, "text/plain", &b"ok"[..]));
    let unsaid = answered("HTTP/1.0 200 OK\r\n\r\nto the end").await.unwrap();
    assert_eq!(unsaid.body, b"to the end");
    let away =
        answered("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(away.unwrap().status, 302);
    for long in [
        "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11\r\n0123456789abcdefg\r\n",
        "HTTP/1.1 200 OK\r\n\r\n0123456789abcdefg",
    ] {
        let refused = answered(long).await.unwrap_err();
        assert!(matches!(refused, Refused::Long(..)), "{long}: {refused}");
    }
    let coded = answered("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(matches!(coded, Err(Refused::Encoded(_))));
    for broken in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", "SSH-2.0-OpenSSH\r\n"] {
        let refused = answered(broken).await.unwrap_err();
        assert!(matches!(refused, Refused::Broken(..)), "{broken}: {refused}");
    }
}

#[tokio::test]
async fn somebody_silent_is_given_up() {
    let port = server(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        std::future::pending().await
    })
    .await;
    let patience = Patience { time: Duration::from_millis(200), body: 16 };
    let outgoing = Outgoing { private: true, patience, ..told(&["127.0.0.1"]) };
    let refused = outgoing.get(&format!("http://source.test:{port}/"), "*/*").await.unwrap_err();
    assert!(matches!(refused, Refused::Slow(..)), "{refused}");
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_name_says() {
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
            let said = head(&mut stream).await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{said}", said.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let url = format!("https://source.test:{port}/v6?key=a");
    let strangers = Outgoing { private: true, ..told(&["127.0.0.1"]) };
    assert!(matches!(strangers.get(&url, "*/*").await, Err(Refused::Tls(..))));
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let friends = Outgoing { tls: Arc::new(tls(roots).unwrap()), ..strangers };
    let said = String::from_utf8(friends.get(&url, "text/xml").await.unwrap().body).unwrap();
    assert!(said.starts_with("GET /v6?key=a HTTP/1.1\r\n"), "{said}");
    assert!(said.contains(&format!("host: source.test:{port}\r\n")), "{said}");
    assert!(
        said.contains("accept: text/xml\r\n") && said.contains("accept-encoding: identity\r\n"),
        "{said}"
    );
    let other = url.replace("source.test", "other.test");
    assert!(matches!(friends.get(&other, "*/*").await, Err(Refused::Tls(..))));
}
