use std::time::{Duration, Instant};

use poem::http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use super::*;

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
        // Fails with a status of its own: the loop has to know better.
        match request.take_body().into_bytes().await {
            Ok(bytes) => Response::builder().body(bytes),
            Err(_) => StatusCode::IM_A_TEAPOT.into(),
        }
    }
}

struct Service {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

fn limits() -> Limits {
    Limits { body_bytes: 1000, ..Limits::default().scaled(0.02) }
}

async fn start(limits: Limits) -> Service {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(serve(listener, limits, Proxies::default(), Arc::new(Echo), stopping));
    Service { address, stop, task }
}

/// Sends bytes and reads until the peer closes.
async fn ask(service: &Service, bytes: &str) -> String {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("never closed");
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_problem(answer: &str, status: u16) -> bool {
    answer.starts_with(&format!("HTTP/1.1 {status} "))
        && answer.contains("content-type: application/problem+json")
        && answer.contains(&format!("\"status\":{status}"))
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_turn() {
    let service = start(limits()).await;
    let one = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let two = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyou\r\n0\r\n\r\n";
    let last = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = ask(&service, &format!("{one}{two}{}{last}", one.repeat(20))).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 23, "{answer}");
    assert!(answer.contains("\r\n\r\nhi") && answer.contains("\r\n\r\nyou"), "{answer}");
    assert!(answer.contains("socket://127.0.0.1:"), "{answer}");
}

#[tokio::test]
async fn an_answer_to_half_a_request_says_that_it_is_the_last() {
    let service = start(limits()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("never closed");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("connection: close\r\n"), "{answer}");
    let whole = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";
    let last = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&service, &format!("{whole}{last}")).await.matches("connection: close").count(), 1);
}

#[tokio::test]
async fn what_the_loop_refuses_is_a_problem() {
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
        (format!("{post}X: y"), 408),
        (format!("{post}Content-Length: 10\r\n\r\nhi"), 408),
        ("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 503),
    ] {
        let answer = ask(&service, &request).await;
        assert!(is_problem(&answer, status), "{status} for {:.80}: {answer}", request);
    }
}

#[tokio::test]
async fn an_answered_request_before_a_bad_one_keeps_its_answer() {
    let service = start(limits()).await;
    let answer = ask(&service, "GET /peer HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("HTTP/1.1 400 Bad Request"), "{answer}");
}

#[tokio::test]
async fn the_handlers_time_does_not_run_while_the_body_comes() {
    let slow = Limits { handler: Duration::from_millis(200), body: Duration::from_secs(5), ..limits() };
    let service = start(slow).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for byte in b"hello" {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_full_house_says_so_at_once() {
    let service = start(Limits { in_flight: 0, ..limits() }).await;
    let begin = Instant::now();
    let answer = ask(&service, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(is_problem(&answer, 503) && answer.contains("retry-after: 1"), "{answer}");
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[tokio::test]
async fn who_does_not_read_is_reset_and_who_says_nothing_is_let_go() {
    let service = start(limits()).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let read = stream.read_to_end(&mut Vec::new()).await;
    assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    let begin = Instant::now();
    assert_eq!(ask(&service, "").await, "");
    assert!(begin.elapsed() > Duration::from_millis(1400), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn no_address_takes_more_than_its_share() {
    let service = start(Limits { per_address: 2, ..limits() }).await;
    let _held = [
        TcpStream::connect(service.address).await.unwrap(),
        TcpStream::connect(service.address).await.unwrap(),
    ];
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = TcpStream::connect(service.address).await.unwrap();
    assert!(matches!(third.read(&mut [0]).await, Ok(0) | Err(_)));
}

/// Asks for 32 MiB and reads no more than the status of the answer.
async fn stalled(service: &Service, method: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(format!("{method} /big HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    (stream, String::from_utf8_lossy(&status).into_owned())
}

#[tokio::test]
async fn answers_that_nobody_takes_are_refused_to_whom_only_reads() {
    let limits = Limits { untaken_share: 40 * 1024 * 1024, stall: Duration::from_secs(20), ..limits() };
    let service = start(limits).await;
    let (held, first) = stalled(&service, "GET").await;
    assert_eq!(first, "HTTP/1.1 200");
    let answer = ask(&service, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(is_problem(&answer, 503) && answer.contains("retry-after: 1"), "{answer:.300}");
    let small = ask(&service, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(small.starts_with("HTTP/1.1 200 OK"), "{small}");
    // Whoever has changed something is told so.
    assert_eq!(stalled(&service, "POST").await.1, "HTTP/1.1 200");
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stalled(&service, "GET").await.1, "HTTP/1.1 200");
}

#[tokio::test]
async fn stopping_lets_what_runs_end() {
    let drain =
        Limits { grace: Duration::from_millis(200), drain: Duration::from_secs(5), ..Limits::default() };
    let service = start(drain).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nh").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    service.stop.send(true).unwrap();
    let during = ask(&service, "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(during.starts_with("HTTP/1.1 200 OK"), "{during}");
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(TcpStream::connect(service.address).await.is_err());
    stream.write_all(b"i").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("hi"), "{answer}");
    service.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn bodies_that_drip_keep_nobody_else_out() {
    let service = start(Limits { bodies: 4, bodies_share: 3, ..limits() }).await;
    let drip = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx";
    let mut slow = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        stream.write_all(drip.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert!(is_problem(&ask(&service, post).await, 503));
    let get = "GET /peer HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(ask(&service, get).await.starts_with("HTTP/1.1 200"));
    drop(slow);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(ask(&service, post).await.starts_with("HTTP/1.1 200"));
}
