//! What is refused before an operation sees it: on a real socket, with the bytes of HTTP/1.1.
use std::{net::SocketAddr, sync::Arc};

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tenon::server::{limits::Limits, listener};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use crate::{
    access::{ExampleRequest, example_requests},
    contract_check,
    support::{Api, Response},
};

/// The service behind its own loop; it ends when the sender is dropped with the test.
pub async fn listening(api: &Api) -> (SocketAddr, watch::Sender<bool>) {
    let listener = listener::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopping) = watch::channel(false);
    let edge = Arc::clone(&api.server);
    tokio::spawn(listener::serve(listener, Limits::default(), Default::default(), edge, stopping));
    (address, stop)
}

/// Asks on a connection of its own, and holds the answer against the document.
async fn ask(address: SocketAddr, operation: &ExampleRequest, query: &str, field: &str) -> Response {
    let ExampleRequest { method, path, .. } = operation;
    let head = format!("{method} {path}{query} HTTP/1.1\r\nhost: tenon.test\r\n{field}\r\n");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.expect("an answer, and the end of the connection");
    let answer = parse(&bytes);
    contract_check::validate_response(method, path, &answer);
    answer
}

fn parse(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
    let mut lines = std::str::from_utf8(&bytes[..end]).expect("text").split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| !["connection", "date"].contains(&name.to_lowercase().as_str()))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .collect();
    let bytes = bytes[end + 4..].to_vec();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Response { status, headers, bytes, body }
}

#[api_test]
async fn every_operation_says_what_is_too_long() {
    let api = Api::start().await;
    let (address, _stop) = listening(&api).await;
    let (query, field) =
        (format!("?colour={}", "r".repeat(8_192)), format!("x-note: {}\r\n", "n".repeat(8_192)));
    for operation in example_requests() {
        ask(address, &operation, &query, "").await.is(414);
        ask(address, &operation, "", &field).await.is(431);
    }
}
