//! Event streams over TCP, where events are written to the connection while the client keeps up.
use std::net::SocketAddr;

use serde_json::json;
use tenon::{
    domain::event::{Audience, EventType},
    http::auth::Role,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    connections::start_server,
    contract_check,
    posts::new,
    support::{Api, DEADLINE},
};

/// A client of `GET /api/events` that decodes the body.
struct EventConnection {
    stream: TcpStream,
    is_chunked: bool,
    /// Received bytes that are not decoded yet.
    received: Vec<u8>,
    /// Decoded bytes.
    text: String,
}

impl EventConnection {
    async fn open(address: SocketAddr, version: &str, query: &str, header: &str) -> EventConnection {
        let socket = TcpSocket::new_v4().expect("a socket");
        // The kernel buffers little for a client that does not read.
        socket.set_recv_buffer_size(4096).expect("the option is set");
        let mut stream = socket.connect(address).await.expect("a connection");
        let request = format!("GET /api/events{query} HTTP/{version}\r\nHost: tenon.test\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).await.expect("the request is sent");
        let mut connection = EventConnection {
            stream,
            is_chunked: version == "1.1",
            received: Vec::new(),
            text: String::new(),
        };
        while !connection.received.ends_with(b"\n\n") && !connection.received.ends_with(b"\n\n\r\n") {
            assert!(connection.receive().await > 0, "an open stream");
        }
        let end = connection.received.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
        let head: Vec<u8> = connection.received.drain(..end).collect();
        let head = String::from_utf8(head).expect("text");
        assert!(head.starts_with(&format!("HTTP/{version} 200 ")), "{head}");
        assert_eq!(head.contains("transfer-encoding: chunked"), connection.is_chunked, "{head}");
        let first = connection.block().await.expect("a first block");
        assert!(first.starts_with("retry: "), "{first}");
        connection
    }

    async fn receive(&mut self) -> usize {
        let read = timeout(DEADLINE, self.stream.read_buf(&mut self.received)).await;
        read.expect("bytes before the deadline").expect("an open connection")
    }

    /// Moves the next chunk to the text. Returns whether one has arrived; `None` after the last one.
    fn decode(&mut self) -> Option<bool> {
        if !self.is_chunked {
            let received = std::mem::take(&mut self.received);
            self.text.push_str(std::str::from_utf8(&received).expect("text"));
            return Some(!received.is_empty());
        }
        let Some(line) = self.received.windows(2).position(|bytes| bytes == b"\r\n") else {
            return Some(false);
        };
        let size = std::str::from_utf8(&self.received[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("a chunk size, not {size:?}"));
        let end = line + 2 + size;
        if self.received.len() < end + 2 {
            return Some(false);
        }
        assert_eq!(&self.received[end..end + 2], b"\r\n", "the end of a chunk");
        self.text.push_str(std::str::from_utf8(&self.received[line + 2..end]).expect("text"));
        self.received.drain(..end + 2);
        (size > 0).then_some(true)
    }

    /// Returns the next block of lines; `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            if !self.decode()? && self.receive().await == 0 {
                return None;
            }
        }
    }

    /// Returns the position and the name of the next event; `None` at the end of the stream.
    async fn event(&mut self) -> Option<(i64, String)> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
            if let Some(name) = field("event: ").filter(|name| *name != "heartbeat") {
                contract_check::validate_event(&block);
                let position = field("id: ").and_then(|id| id.parse().ok()).expect("a position");
                return Some((position, name.to_owned()));
            }
        }
    }

    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.event().await.expect("an open stream").1);
        }
        names
    }
}

/// Emits events in one transaction.
async fn emit(api: &Api, count: i64) {
    let at = api.clock.now();
    let emitted = api.app.db.write(async move |tx| {
        for number in 0..count {
            let href = format!("/api/tags/tag-{number}");
            tx.emit(EventType::TagCreated, number, href, 1, Audience::Public, at);
        }
        Ok::<_, sea_orm::DbErr>(())
    });
    emitted.await.expect("the events are stored");
}

#[api_test]
async fn connections_receive_only_the_events_that_their_callers_may_read() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let (address, _stop) = start_server(&api).await;
    let bearer = format!("Authorization: Bearer {}\r\n", author.token.as_deref().expect("a token"));
    let mut of_author = EventConnection::open(address, "1.1", "", &bearer).await;
    let mut of_tags = EventConnection::open(address, "1.1", "?topics=tags", "").await;
    let mut anonymous = EventConnection::open(address, "1.1", "", "").await;
    // Its body is not chunked.
    let mut old = EventConnection::open(address, "1.0", "", "").await;
    for number in 0..10 {
        let mut draft = new(&format!("Draft {number}"));
        draft["published"] = json!(false);
        author.post("/api/posts", draft).await.is(201);
        author.post("/api/posts", new(&format!("Post {number}"))).await.is(201);
        emit(&api, 3).await;
        let public = ["post.created", "post.published", "tag.created", "tag.created", "tag.created"];
        for connection in [&mut anonymous, &mut old] {
            assert_eq!(connection.names(5).await, public);
        }
        assert_eq!(of_author.names(6).await, [&["post.created"], &public[..]].concat());
        assert_eq!(of_tags.names(3).await, public[2..]);
    }
    api.app.events.stop();
    for connection in [&mut of_author, &mut of_tags, &mut anonymous, &mut old] {
        assert!(connection.block().await.expect("a last block").starts_with("retry: "));
        assert_eq!(connection.block().await, None);
    }
}

#[api_test]
async fn an_ended_stream_leaves_the_connection_to_the_next_request() {
    let api = Api::start().await;
    let (address, _stop) = start_server(&api).await;
    let mut first = EventConnection::open(address, "1.1", "", "").await;
    emit(&api, 1).await;
    assert_eq!(first.names(1).await, ["tag.created"]);
    api.app.events.stop();
    while first.block().await.is_some() {}
    emit(&api, 2).await;
    first
        .stream
        .write_all(b"GET /api/tags HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await
        .expect("sent");
    let mut response = String::from_utf8(first.received).expect("text");
    first.stream.read_to_string(&mut response).await.expect("a response");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(!response.contains("tag.created"), "{response}");
}

#[api_test]
async fn a_client_that_reads_slowly_receives_each_event_once() {
    let api = Api::start().await;
    let (address, _stop) = start_server(&api).await;
    let mut stream = EventConnection::open(address, "1.1", "", "").await;
    let mut last = None;
    // More than the kernel buffers, so that writes are partial or rejected.
    for _ in 0..8 {
        emit(&api, 300).await;
        for _ in 0..150 {
            let (position, _) = stream.event().await.expect("an open stream");
            assert_eq!(position, last.map_or(position, |last| last + 1));
            last = Some(position);
        }
    }
    for _ in 0..8 * 150 {
        let (position, _) = stream.event().await.expect("an open stream");
        assert_eq!(Some(position), last.map(|last| last + 1));
        last = Some(position);
    }
    assert_eq!(last, Some(api.app.db.newest_event_position().await.expect("a position")));
}

#[api_test]
async fn a_client_that_does_not_read_is_disconnected_and_resumes() {
    let api = Api::start().await;
    let (address, _stop) = start_server(&api).await;
    let mut stream = EventConnection::open(address, "1.1", "", "").await;
    // Streams that keep up are not affected.
    let mut other = EventConnection::open(address, "1.1", "", "").await;
    let mut total = 0;
    for _ in 0..40 {
        emit(&api, 250).await;
        total += 250;
        other.names(250).await;
    }
    let (mut received, mut last) = (0, 0);
    while let Some((position, _)) = stream.event().await {
        assert!(last == 0 || position == last + 1, "{position} after {last}");
        (received, last) = (received + 1, position);
    }
    assert!(received > 0 && received < total - 1024, "{received} of {total} events");
    let resumed = format!("Last-Event-ID: {last}\r\n");
    let mut stream = EventConnection::open(address, "1.1", "", &resumed).await;
    assert_eq!(stream.event().await.map(|(position, _)| position), Some(last + 1));
    assert_eq!(stream.names(total - received - 1).await.len(), total - received - 1);
}
