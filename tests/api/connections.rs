//! Requests that the server rejects before dispatch, sent as HTTP/1.1 bytes over TCP.
use std::{net::SocketAddr, sync::Arc};

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tenon::{
    http::auth::Role,
    server::{limits::Limits, listener},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use crate::{
    access::{ExampleRequest, example_requests},
    contract_check,
    multipart::{FORM, form, png},
    support::{Api, Response},
};

/// Starts a server on a free port. It stops when the returned sender is dropped.
pub async fn start_server(api: &Api) -> (SocketAddr, watch::Sender<bool>) {
    let listener = listener::listen(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopping) = watch::channel(false);
    let edge = Arc::clone(&api.server);
    let limits = edge.connection_limits(Limits::default());
    tokio::spawn(listener::serve(listener, limits, Default::default(), edge, stopping));
    (address, stop)
}

/// Sends a request on a new connection and validates the response against the OpenAPI document.
async fn send_request(
    address: SocketAddr,
    operation: &ExampleRequest,
    query: &str,
    header: &str,
) -> Response {
    let ExampleRequest { method, path, .. } = operation;
    let head = format!("{method} {path}{query} HTTP/1.1\r\nhost: tenon.test\r\n{header}\r\n");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(head.as_bytes()).await.expect("the request is sent");
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.expect("a response and the end of the connection");
    let response = parse_response(&bytes);
    contract_check::validate_response(method, path, &response);
    response
}

fn parse_response(bytes: &[u8]) -> Response {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a complete head");
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
async fn every_operation_rejects_long_targets_and_headers() {
    let api = Api::start().await;
    let (address, _stop) = start_server(&api).await;
    let (query, header) =
        (format!("?colour={}", "r".repeat(8_192)), format!("x-note: {}\r\n", "n".repeat(8_192)));
    for operation in example_requests() {
        send_request(address, &operation, &query, "").await.is(414);
        send_request(address, &operation, "", &header).await.is(431);
    }
}

#[api_test]
async fn accepts_images_up_to_their_limit() {
    let api = Api::start().await;
    let (address, _stop) = start_server(&api).await;
    let author = api.sign_in(Role::Author).await;
    let image = png(8, 6, 1);
    // Data behind the end of an image counts, and is removed.
    for (bytes, status) in [(20 << 20, 201), ((20 << 20) + 1, 413)] {
        let file = [image.as_slice(), &vec![0; bytes - image.len()]].concat();
        let body = form(&[("file", Some("a.png"), &file)]);
        let head = format!(
            "POST /api/upload HTTP/1.1\r\nhost: tenon.test\r\nauthorization: Bearer {}\r\ncontent-type: {FORM}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            author.token.as_deref().expect("a token"),
            body.len()
        );
        let mut socket = TcpStream::connect(address).await.expect("a connection");
        socket.write_all(head.as_bytes()).await.expect("the head is sent");
        socket.write_all(&body).await.expect("the body is sent");
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.expect("a response and the end of the connection");
        parse_response(&bytes).is(status);
    }
}
