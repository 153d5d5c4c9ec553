//! Server-sent events: order, access rights, replay after a reconnect, and resets.
use futures_util::StreamExt;
use poem::http::Method;
use serde_json::{Value, json};
use tenon::http::auth::Role;
use tokio::time::timeout;

use crate::{
    contract_check,
    posts::new,
    support::{Api, DEADLINE},
};

/// A client of `GET /api/events`.
pub struct EventStream {
    body: futures_util::stream::BoxStream<'static, std::io::Result<bytes::Bytes>>,
    text: String,
    /// The position of the event after which the stream starts.
    pub start: Option<i64>,
    /// The delay before a reconnect.
    retry: String,
}

/// A received event with the fields `id`, `event` and `data`.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub id: Option<i64>,
    pub name: String,
    pub data: Value,
}

impl EventStream {
    pub async fn open(api: &Api, query: &str) -> EventStream {
        let mut response = api.send_streaming(Method::GET, &format!("/api/events{query}"), None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.content_type(), Some("text/event-stream"));
        assert_eq!(response.header("cache-control"), Some("no-store, no-transform"));
        let body = response.take_body().into_bytes_stream().boxed();
        let mut stream = EventStream { body, text: String::new(), start: None, retry: String::new() };
        let first_block = stream.block().await.expect("a first block");
        let retry = first_block.lines().next().and_then(|line| line.strip_prefix("retry: "));
        stream.retry = retry.expect("a delay").to_owned();
        stream.start = first_block.lines().find_map(|line| line.strip_prefix("id: ")?.parse().ok());
        stream
    }

    /// Returns the next block of lines, or `None` at the end of the stream.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = timeout(DEADLINE, self.body.next()).await.expect("a chunk before the deadline")?;
            self.text.push_str(std::str::from_utf8(&chunk.expect("no error")).expect("text"));
        }
    }

    pub async fn next(&mut self) -> Event {
        let block = self.block().await.expect("an open stream");
        contract_check::validate_event(&block);
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Event {
            id: field("id: ").map(|id| id.parse().expect("a position")),
            name: field("event: ").expect("a name"),
            data: serde_json::from_str(&field("data: ").expect("data")).expect("JSON"),
        }
    }

    /// Returns the names of the next events.
    pub async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            names.push(self.next().await.name);
        }
        names
    }
}

async fn publish(api: &Api, title: &str) -> String {
    create_post(api, title, true).await
}

async fn draft(api: &Api, title: &str) -> String {
    create_post(api, title, false).await
}

async fn create_post(api: &Api, title: &str, published: bool) -> String {
    let mut post = new(title);
    post["published"] = json!(published);
    api.post("/api/posts", post).await.is(201).id()
}

#[api_test]
async fn events_are_sent_immediately_and_in_order() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut stream = EventStream::open(&api, "").await;
    let id = publish(&author, "A first post").await;
    let (created, published) = (stream.next().await, stream.next().await);
    assert_eq!((created.name.as_str(), published.name.as_str()), ("post.created", "post.published"));
    assert_eq!(published.data["data"]["href"], format!("/api/posts/{id}"));
    assert_eq!(published.data["position"], published.id.expect("a position"));
    assert_eq!(published.id, created.id.map(|id| id + 1));
    author.patch(&format!("/api/posts/{id}"), json!({ "title": "Another" })).await.is(200);
    author.patch(&format!("/api/posts/{id}"), json!({ "published": false })).await.is(200);
    author.delete(&format!("/api/posts/{id}")).await.is(204);
    draft(&author, "A draft").await;
    let last = publish(&author, "A last post").await;
    // An anonymous client receives no events of drafts.
    let names = stream.names(3).await;
    assert_eq!(names, ["post.updated", "post.unpublished", "post.created"]);
    assert_eq!(stream.next().await.data["data"]["id"], last);
}

#[api_test]
async fn a_caller_receives_only_events_that_it_may_read() {
    let api = Api::start().await;
    let (admin, author) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Author).await);
    let accountant = api.sign_in(Role::Accountant).await;
    let mut accountant_stream = EventStream::open(&accountant, "").await;
    let mut author_stream = EventStream::open(&author, "?topics=posts").await;
    let mut admin_stream = EventStream::open(&admin, "?topics=tags&topics=users").await;
    let customer = json!({ "name": "Ada", "email": "ada@acme.test" });
    accountant.post("/api/v2/customers", customer).await.is(201);
    draft(&author, "A draft").await;
    admin.put("/api/tags/wood", json!({ "name": "Wood" })).await.is(201);
    assert_eq!(accountant_stream.names(2).await, ["customer.created", "tag.created"]);
    assert_eq!(author_stream.names(1).await, ["post.created"]);
    assert_eq!(admin_stream.names(1).await, ["tag.created"]);
}

#[api_test]
async fn a_client_that_reconnects_receives_each_missed_event_once() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Zero").await;
    let mut positions = Vec::new();
    let mut last = 0;
    for round in 0..5 {
        let mut stream = match round % 2 {
            0 => EventStream::open(&api, &format!("?topics=posts&after={last}")).await,
            _ => {
                EventStream::open(&api.header("last-event-id", &last.to_string()), "?after=0&topics=posts")
                    .await
            }
        };
        publish(&author, &format!("Post {round}")).await;
        // The next stream has to replay the last event.
        while positions.len() < 2 * (round + 1) + 1 {
            let event = stream.next().await;
            last = event.id.expect("a position");
            positions.push(last);
        }
    }
    let mut sorted = positions.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((positions.len(), positions.clone()), (11, sorted));
}

#[api_test]
async fn a_client_that_received_no_event_resumes_at_the_start_of_its_stream() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Before").await;
    let start = EventStream::open(&api, "").await.start.expect("a position");
    publish(&author, "Meanwhile").await;
    let mut stream = EventStream::open(&api.header("last-event-id", &start.to_string()), "").await;
    assert_eq!(stream.start, Some(start));
    assert_eq!(stream.names(2).await, ["post.created", "post.published"]);
}

#[api_test]
async fn a_position_outside_the_event_log_returns_a_reset() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Old").await;
    api.clock.advance(25 * 3_600_000);
    let author = api.sign_in(Role::Author).await;
    publish(&author, "New").await;
    let newest = api.app.db.newest_event_position().await.expect("a position");
    assert!(
        api.app
            .db
            .delete_events_before(api.clock.now() - 24 * 3_600_000)
            .await
            .expect("the events are deleted")
            > 0
    );
    for after in ["0", "99999"] {
        let mut stream = EventStream::open(&api, &format!("?after={after}")).await;
        let reset = stream.next().await;
        assert_eq!(reset, Event { id: Some(newest), name: "reset".into(), data: json!({ "after": newest }) });
    }
    let mut stream = EventStream::open(&api, &format!("?after={}", newest - 1)).await;
    assert_eq!(stream.next().await.id, Some(newest));
}

#[api_test]
async fn an_unreadable_or_foreign_last_event_id_returns_a_reset() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "One").await;
    let newest = api.app.db.newest_event_position().await.expect("a position");
    let long = "1".repeat(16);
    for id in ["abc", "0199c0de-8888-7c3d-8e1f-2a3b4c5d6e7f", "-1", "1.5", "99999", &long, &"x".repeat(2000)]
    {
        // The header takes precedence over `after`.
        let mut stream = EventStream::open(&api.header("last-event-id", id), "?after=0").await;
        let reset = stream.next().await;
        assert_eq!((reset.name.as_str(), reset.id), ("reset", Some(newest)), "{id}");
    }
    let stream = EventStream::open(&api.header("last-event-id", ""), "").await;
    assert_eq!(stream.start, Some(newest));
}

#[api_test]
async fn the_first_heartbeat_has_data() {
    let api = Api::start().await;
    let mut response = api.send_streaming(Method::GET, "/api/events", None).await;
    let mut body = response.take_body().into_bytes_stream().boxed();
    let first = body.next().await.expect("a chunk").expect("no error");
    assert_eq!(first, "retry: 2000\nevent: heartbeat\nid: 0\ndata: {\"after\":0}\n\n");
}

#[api_test]
async fn all_streams_of_the_server_are_limited() {
    let api = Api::with(&[("events_max_connections", "1")]).await;
    let _first = EventStream::open(&api, "").await;
    api.from("192.0.2.7").get("/api/events").await.is(503);
}

#[api_test]
async fn streams_end_on_shutdown_and_are_limited_per_caller() {
    let api = Api::with(&[("events_max_connections_per_caller", "2")]).await;
    let (mut first, _second) = (EventStream::open(&api, "").await, EventStream::open(&api, "").await);
    // An `EventSource` would not reconnect after another status.
    let mut third = EventStream::open(&api, "").await;
    assert_eq!((third.retry.as_str(), third.start), ("60000", None));
    assert_eq!(third.block().await, None);
    let other = EventStream::open(&api.from("192.0.2.7"), "").await;
    assert_eq!(other.retry, "2000");
    drop(_second);
    api.get("/api/events").await.is(200);
    api.app.events.stop();
    // The `retry` field has jitter, so that the clients do not reconnect at the same time.
    assert!(first.block().await.expect("a last block").starts_with("retry: "));
    assert_eq!(first.block().await, None);
    api.get("/api/events").await.is(503);
}

#[api_test]
async fn sends_a_reset_if_events_are_deleted_during_a_replay() {
    for all in [false, true] {
        let api = Api::start().await;
        let admin = api.sign_in(Role::Admin).await;
        let start = EventStream::open(&admin, "").await.start.expect("a position");
        let write = async |title: &str| admin.post("/api/posts", new(title)).await.is(201);
        write("Pins").await;
        api.clock.advance(1000);
        let middle = api.clock.now();
        write("Tails").await;
        let mut replay = EventStream::open(&admin, &format!("?after={start}")).await;
        // The response has begun, but the client has read no event.
        let until = if all { middle + 1000 } else { middle };
        api.app.db.delete_events_before(until).await.expect("the events are deleted");
        assert!(replay.block().await.expect("a block").starts_with("retry: "));
        let reset = replay.next().await;
        assert_eq!(reset.name, "reset", "{reset:?}");
        write("Sockets").await;
        let next = replay.next().await;
        assert!(next.name != "reset" && next.id > reset.id, "{next:?}");
    }
}

#[api_test]
async fn rejects_invalid_parameters_of_a_stream() {
    let api = Api::start().await;
    for (query, parameter) in
        [("?topics=wood", "topics"), ("?after=-1", "after"), ("?after=x", "after"), ("?since=1", "since")]
    {
        let rejected = api.get(&format!("/api/events{query}")).await.is(400);
        assert_eq!(rejected.locations(), [parameter], "{query}");
    }
    api.header("accept", "application/json").get("/api/events").await.is(406);
}
