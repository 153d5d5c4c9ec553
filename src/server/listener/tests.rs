use std::{task::Waker, time::Duration};

use futures_util::stream;
use parking_lot::Mutex;
use poem::{IntoResponse, http::StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest},
    task::JoinHandle,
};

use super::*;
use crate::http::event_stream::{DirectWrite, EventStream, encode_chunk};

/// Bounds the time that tests wait. It is reached by failing tests only, on slow machines too.
const DEADLINE: Duration = Duration::from_secs(60);

struct Echo;

impl Handler for Echo {
    async fn handle(&self, mut request: Request) -> Response {
        match request.uri().path() {
            "/slow" => tokio::time::sleep(Duration::from_secs(60)).await,
            "/big" => return Response::builder().body(vec![b'x'; 32 * 1024 * 1024]),
            "/unread" => return StatusCode::FORBIDDEN.into(),
            "/peer" => return Response::builder().body(request.remote_addr().to_string()),
            _ => {}
        }
        // The server must replace this status.
        match request.take_body().into_bytes().await {
            Ok(bytes) => Response::builder().body(bytes),
            Err(_) => StatusCode::IM_A_TEAPOT.into(),
        }
    }

    fn is_probe(&self, path: &str) -> bool {
        path == "/probe"
    }
}

struct Service {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

fn limits() -> Limits {
    Limits { body_bytes: 1000, ..Limits::default() }
}

/// Returns limits with short timeouts, for tests that expect a timeout.
fn short_timeouts() -> Limits {
    limits().scaled(0.02)
}

async fn start(limits: Limits) -> Service {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(serve(listener, limits, Proxies::default(), Arc::new(Echo), stopping));
    Service { address, stop, task }
}

/// Sends bytes and reads until the peer closes.
async fn send(service: &Service, bytes: &str) -> String {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut response)).await.expect("never closed");
    String::from_utf8_lossy(&response).into_owned()
}

/// Polls until the condition holds.
async fn poll_until(condition: impl AsyncFn() -> bool) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, poll).await.expect("the condition never held");
}

fn is_problem(response: &str, status: u16) -> bool {
    response.starts_with(&format!("HTTP/1.1 {status} "))
        && response.contains("content-type: application/problem+json")
        && response.contains(&format!("\"status\":{status}"))
}

#[tokio::test]
async fn responds_to_pipelined_requests_in_order() {
    let service = start(limits()).await;
    let one = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let two = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyou\r\n0\r\n\r\n";
    let last = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let response = send(&service, &format!("{one}{two}{}{last}", one.repeat(20))).await;
    assert_eq!(response.matches("HTTP/1.1 200 OK").count(), 23, "{response}");
    assert!(response.contains("\r\n\r\nhi") && response.contains("\r\n\r\nyou"), "{response}");
    assert!(response.contains("socket://127.0.0.1:"), "{response}");
}

#[tokio::test]
async fn closes_after_responding_to_an_incomplete_request() {
    let service = start(limits()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut response)).await.expect("never closed");
    let response = String::from_utf8_lossy(&response);
    assert!(
        response.starts_with("HTTP/1.1 403 ") && response.contains("connection: close\r\n"),
        "{response}"
    );
    let complete = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let last = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(send(&service, &format!("{complete}{last}")).await.matches("connection: close").count(), 1);
}

#[tokio::test]
async fn rejects_with_problem_documents() {
    let service = start(limits()).await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (format!("{post}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"), 400),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(9000)), 414),
        (format!("{post}X: {}\r\n\r\n", "y".repeat(9000)), 431),
        (format!("{post}Content-Length: 2\r\nContent-Encoding: gzip\r\n\r\nhi"), 415),
        (format!("{post}Content-Length: 1001\r\n\r\n{}", "x".repeat(1001)), 413),
        (format!("{post}Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(1001)), 413),
    ] {
        let response = send(&service, &request).await;
        assert!(is_problem(&response, status), "{status} for {:.80}: {response}", request);
    }
}

#[tokio::test]
async fn rejects_slow_requests_and_slow_handlers() {
    let service = start(short_timeouts()).await;
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nX: y", 408),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhi", 408),
        ("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", 503),
    ] {
        let response = send(&service, request).await;
        assert!(is_problem(&response, status), "{status} for {request}: {response}");
    }
}

#[tokio::test]
async fn sends_earlier_responses_before_a_rejection() {
    let service = start(limits()).await;
    let response = send(&service, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
    assert!(response.contains("HTTP/1.1 400 Bad Request"), "{response}");
}

#[tokio::test]
async fn excludes_the_body_from_the_handler_timeout() {
    let service = start(Limits { handler_timeout: Duration::from_secs(1), ..limits() }).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for byte in b"hello" {
        // The body takes longer than the handler may.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("hello"), "{response}");
}

#[tokio::test]
async fn large_bodies_may_take_longer() {
    let limits = Limits { body_bytes: 64 << 20, body_timeout: Duration::from_secs(1), ..limits() };
    for (chunk, status) in [(4 << 20, "200"), (1, "408")] {
        let service = start(limits.clone()).await;
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            8 * chunk
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            // The server closes the connection after a rejection.
            let _ = stream.write_all(&vec![b'x'; chunk]).await;
        }
        let mut start = [0; 12];
        timeout(DEADLINE, stream.read_exact(&mut start)).await.expect("never responds").unwrap();
        assert_eq!(&start[9..], status.as_bytes(), "{chunk}");
    }
}

#[tokio::test]
async fn rejects_requests_when_saturated() {
    let service = start(Limits { in_flight: 0, ..limits() }).await;
    let response = send(&service, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(is_problem(&response, 503) && response.contains("retry-after: 1"), "{response}");
}

#[tokio::test]
async fn resets_stalled_and_closes_idle_connections() {
    let service = start(short_timeouts()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    timeout(DEADLINE, stream.ready(Interest::ERROR)).await.expect("never reset").unwrap();
    let read = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(send(&service, "").await, "");
}

#[tokio::test]
async fn limits_connections_per_client() {
    let service = start(Limits { connections_per_client: 2, ..limits() }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        stream.read_u8().await.expect("a response");
        open.push(stream);
    }
    let mut third = TcpStream::connect(service.address).await.unwrap();
    assert!(matches!(third.read(&mut [0]).await, Ok(0) | Err(_)));
}

/// Connects from an address of the loopback network.
async fn connect_from(service: &Service, source: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{source}:0").parse().unwrap()).unwrap();
    socket.connect(service.address).await.unwrap()
}

/// Sends a request on a persistent connection, and reads the response.
async fn exchange(stream: &mut TcpStream) -> String {
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await.unwrap();
    let mut response = String::new();
    while !response.ends_with("hi") {
        let mut buffer = [0; 1024];
        let read = timeout(DEADLINE, stream.read(&mut buffer)).await.expect("no response").unwrap();
        assert!(read > 0, "closed after {response:?}");
        response.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    response
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = timeout(DEADLINE, stream.read(&mut [0])).await.expect("neither closed nor readable");
    matches!(read, Ok(0) | Err(_))
}

#[tokio::test]
async fn a_health_check_does_not_wait_for_other_reads_of_the_client() {
    let service = start(Limits { reads_per_client: 1, ..limits() }).await;
    let mut slow = TcpStream::connect(service.address).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let read = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        timeout(Duration::from_millis(500), send(&service, &request)).await
    };
    // The slow request may not have arrived yet.
    while read("/other").await.is_ok() {}
    assert!(read("/probe").await.expect("waits for another read").starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_new_client_replaces_the_longest_idle_connection_when_all_are_in_use() {
    let service = start(Limits { connections: 3, ..limits() }).await;
    let mut busy = connect_from(&service, "127.0.0.2").await;
    busy.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    busy.read_exact(&mut status).await.unwrap();
    let mut idle = [connect_from(&service, "127.0.0.2").await, connect_from(&service, "127.0.0.2").await];
    // The second one is idle for longer.
    exchange(&mut idle[1]).await;
    exchange(&mut idle[0]).await;
    let mut new = connect_from(&service, "127.0.0.3").await;
    assert!(exchange(&mut new).await.starts_with("HTTP/1.1 200"));
    assert!(is_closed(&mut idle[1]).await);
    exchange(&mut idle[0]).await;
    // The client with two connections replaces neither that of the other client nor its own, and does not wait for them.
    assert!(is_closed(&mut connect_from(&service, "127.0.0.2").await).await);
    exchange(&mut new).await;
    // A client without a connection is still accepted.
    let mut third = connect_from(&service, "127.0.0.4").await;
    assert!(exchange(&mut third).await.starts_with("HTTP/1.1 200"));
    assert!(is_closed(&mut idle[0]).await);
    // The request that was in progress is complete.
    let mut body = vec![0; 32 * 1024 * 1024];
    timeout(DEADLINE, busy.read_exact(&mut body)).await.expect("not complete").unwrap();
}

/// Requests 32 MiB and reads only the status line of the response.
async fn stalled(service: &Service, method: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(format!("{method} /big HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    (stream, String::from_utf8_lossy(&status).into_owned())
}

#[tokio::test]
async fn rejects_reads_while_responses_are_unread() {
    let service = start(Limits { unread_bytes_per_client: 40 * 1024 * 1024, ..limits() }).await;
    let (stalled_client, first) = stalled(&service, "GET").await;
    assert_eq!(first, "HTTP/1.1 200");
    let response = send(&service, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(is_problem(&response, 503) && response.contains("retry-after: 1"), "{response:.300}");
    let small = send(&service, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(small.starts_with("HTTP/1.1 200 OK"), "{small}");
    // An unsafe request gets its response.
    assert_eq!(stalled(&service, "POST").await.1, "HTTP/1.1 200");
    drop(stalled_client);
    poll_until(async || stalled(&service, "GET").await.1 == "HTTP/1.1 200").await;
}

#[tokio::test]
async fn drains_requests_on_shutdown() {
    let service = start(Limits { grace: Duration::from_secs(1), drain: DEADLINE, ..limits() }).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh").await.unwrap();
    service.stop.send(true).unwrap();
    let during = send(&service, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(during.starts_with("HTTP/1.1 200 OK"), "{during}");
    poll_until(async || TcpStream::connect(service.address).await.is_err()).await;
    stream.write_all(b"i").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("hi"), "{response}");
    service.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn slow_bodies_do_not_block_other_requests() {
    let service = start(Limits { bodies: 4, bodies_per_client: 3, ..limits() }).await;
    let drip = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx";
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(drip.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    poll_until(async || is_problem(&send(&service, post).await, 503)).await;
    let get = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(send(&service, get).await.starts_with("HTTP/1.1 200"));
    drop(slow);
    poll_until(async || send(&service, post).await.starts_with("HTTP/1.1 200")).await;
}

/// A handler whose response is a stream of these frames.
#[derive(Default)]
struct Streams {
    connection: StreamConnection,
    source: Arc<Mutex<Source>>,
}

#[derive(Default)]
struct Source {
    frames: Vec<&'static str>,
    waker: Option<Waker>,
    /// Whether the last poll returned a frame.
    has_returned: bool,
    /// The results of direct writes immediately after a frame.
    early_writes: Vec<Option<DirectWrite>>,
}

fn write_directly(connection: &StreamConnection, text: &str) -> Option<DirectWrite> {
    connection
        .get()
        .map(|connection| connection.try_write(&[io::IoSlice::new(&encode_chunk(text.as_bytes()))]))
}

impl Handler for Streams {
    async fn handle(&self, _: Request) -> Response {
        let (connection, source) = (self.connection.clone(), self.source.clone());
        let frames = stream::poll_fn(move |cx| {
            let source = &mut *source.lock();
            if let Some(frame) = source.frames.pop() {
                source.has_returned = true;
                return Poll::Ready(Some(Bytes::from_static(frame.as_bytes())));
            }
            if std::mem::take(&mut source.has_returned) {
                source.early_writes.push(write_directly(&connection, "early"));
            }
            source.waker = Some(cx.waker().clone());
            Poll::Pending
        });
        EventStream::<String>::new(frames, self.connection.clone()).into_response()
    }
}

#[tokio::test]
async fn chunks_are_written_directly_only_after_the_frames_of_the_body() {
    let handler = Arc::new(Streams::default());
    let (connection, source) = (&handler.connection, &handler.source);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopping) = watch::channel(false);
    tokio::spawn(serve(listener, limits(), Proxies::default(), handler.clone(), stopping));
    source.lock().frames.push("first;");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut received = String::new();
    for (frame, chunk) in [("first;", "direct;"), ("second;", "last;")] {
        while !received.contains(frame) {
            let mut buffer = [0; 1024];
            let read = timeout(DEADLINE, stream.read(&mut buffer)).await.expect("no frame").unwrap();
            received.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        assert_eq!(write_directly(connection, chunk), Some(DirectWrite::Done));
        let waker = {
            let mut source = source.lock();
            source.frames.push("second;");
            source.waker.take()
        };
        waker.unwrap().wake();
    }
    poll_until(async || source.lock().early_writes.len() == 3).await;
    assert_eq!(source.lock().early_writes, [Some(DirectWrite::Rejected); 3]);
    let (_, body) = received.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "6\r\nfirst;\r\n7\r\ndirect;\r\n7\r\nsecond;\r\n");
}

#[tokio::test]
async fn chunks_are_not_written_to_http_1_0_connections() {
    let handler = Arc::new(Streams::default());
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopping) = watch::channel(false);
    tokio::spawn(serve(listener, limits(), Proxies::default(), handler.clone(), stopping));
    handler.source.lock().frames.push("first;");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.unwrap();
    poll_until(async || handler.source.lock().early_writes.len() == 1).await;
    assert_eq!(handler.source.lock().early_writes, [None]);
}
