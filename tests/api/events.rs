//! Live events: each once, in order, to those who may know; missed ones are sent later.
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

/// A client of the stream.
pub struct Stream {
    body: futures_util::stream::BoxStream<'static, std::io::Result<bytes::Bytes>>,
    text: String,
    /// Behind which event it goes on.
    pub begin: Option<i64>,
}

/// One event as it came: its id, its name and its data.
#[derive(Debug, PartialEq)]
pub struct Sent {
    pub id: Option<i64>,
    pub name: String,
    pub data: Value,
}

impl Stream {
    pub async fn open(api: &Api, query: &str) -> Stream {
        let mut response = api.send_streaming(Method::GET, &format!("/api/events{query}"), None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.content_type(), Some("text/event-stream"));
        let body = response.take_body().into_bytes_stream().boxed();
        let mut stream = Stream { body, text: String::new(), begin: None };
        let greeting = stream.block().await.expect("a greeting");
        assert!(greeting.starts_with("retry: "), "{greeting}");
        stream.begin = greeting.lines().find_map(|line| line.strip_prefix("id: ")?.parse().ok());
        stream
    }

    /// The next block of lines; nothing when the stream has ended.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let piece = timeout(DEADLINE, self.body.next()).await.expect("something comes in time")?;
            self.text.push_str(std::str::from_utf8(&piece.expect("no error")).expect("text"));
        }
    }

    pub async fn next(&mut self) -> Sent {
        let block = self.block().await.expect("the stream goes on");
        contract_check::validate_event(&block);
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Sent {
            id: field("id: ").map(|id| id.parse().expect("a position")),
            name: field("event: ").expect("a name"),
            data: serde_json::from_str(&field("data: ").expect("data")).expect("JSON"),
        }
    }

    /// The names of the next events.
    pub async fn names(&mut self, many: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..many {
            names.push(self.next().await.name);
        }
        names
    }
}

async fn publish(api: &Api, title: &str) -> String {
    written(api, title, true).await
}

async fn draft(api: &Api, title: &str) -> String {
    written(api, title, false).await
}

async fn written(api: &Api, title: &str, published: bool) -> String {
    let mut post = new(title);
    post["published"] = json!(published);
    api.post("/api/posts", post).await.is(201).id()
}

#[api_test]
async fn what_happens_is_told_at_once_and_in_order() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    let mut stream = Stream::open(&api, "").await;
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
    // Drafts are nobody else's business.
    let names = stream.names(3).await;
    assert_eq!(names, ["post.updated", "post.unpublished", "post.created"]);
    assert_eq!(stream.next().await.data["data"]["id"], last);
}

#[api_test]
async fn each_caller_gets_what_they_may_read() {
    let api = Api::start().await;
    let (admin, author) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Author).await);
    let accountant = api.sign_in(Role::Accountant).await;
    let mut office = Stream::open(&accountant, "").await;
    let mut own = Stream::open(&author, "?topics=posts").await;
    let mut tags = Stream::open(&admin, "?topics=tags&topics=users").await;
    let customer = json!({ "name": "Ada", "email": "ada@acme.test" });
    accountant.post("/api/v2/customers", customer).await.is(201);
    draft(&author, "A draft").await;
    admin.put("/api/tags/wood", json!({ "name": "Wood" })).await.is(201);
    assert_eq!(office.names(2).await, ["customer.created", "tag.created"]);
    assert_eq!(own.names(1).await, ["post.created"]);
    assert_eq!(tags.names(1).await, ["tag.created"]);
}

#[api_test]
async fn whoever_comes_back_gets_each_missed_event_once() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Zero").await;
    let mut seen = Vec::new();
    let mut last = 0;
    for round in 0..5 {
        let mut stream = match round % 2 {
            0 => Stream::open(&api, &format!("?topics=posts&after={last}")).await,
            _ => Stream::open(&api.header("last-event-id", &last.to_string()), "?after=0&topics=posts").await,
        };
        publish(&author, &format!("Post {round}")).await;
        // One is left over for the next stream.
        while seen.len() < 2 * (round + 1) + 1 {
            let sent = stream.next().await;
            last = sent.id.expect("a position");
            seen.push(last);
        }
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((seen.len(), seen.clone()), (11, sorted));
}

#[api_test]
async fn whoever_was_told_nothing_yet_comes_back_to_where_the_stream_began() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Before").await;
    let begin = Stream::open(&api, "").await.begin.expect("a position");
    publish(&author, "Meanwhile").await;
    let mut stream = Stream::open(&api.header("last-event-id", &begin.to_string()), "").await;
    assert_eq!(stream.begin, Some(begin));
    assert_eq!(stream.names(2).await, ["post.created", "post.published"]);
}

#[api_test]
async fn what_is_forgotten_is_told_as_a_reset() {
    let api = Api::start().await;
    let author = api.sign_in(Role::Author).await;
    publish(&author, "Old").await;
    api.clock.advance(25 * 3_600_000);
    let author = api.sign_in(Role::Author).await;
    publish(&author, "New").await;
    let newest = api.app.db.newest_event_position().await.expect("a position");
    assert!(api.app.db.delete_events_before(api.clock.now() - 24 * 3_600_000).await.expect("swept") > 0);
    for after in ["0", "99999"] {
        let mut stream = Stream::open(&api, &format!("?after={after}")).await;
        let reset = stream.next().await;
        assert_eq!(reset, Sent { id: Some(newest), name: "reset".into(), data: json!({ "after": newest }) });
    }
    let mut stream = Stream::open(&api, &format!("?after={}", newest - 1)).await;
    assert_eq!(stream.next().await.id, Some(newest));
}

#[api_test]
async fn streams_end_when_the_service_stops_or_too_many_are_open() {
    let api = Api::with(&[("events_max_connections_per_caller", "2")]).await;
    let (mut first, _second) = (Stream::open(&api, "").await, Stream::open(&api, "").await);
    api.get("/api/events").await.is(503);
    api.from("192.0.2.7").get("/api/events").await.is(200);
    drop(_second);
    api.get("/api/events").await.is(200);
    api.app.events.stop();
    // Whoever is sent away is told to wait, so that not all come back at once.
    assert!(first.block().await.expect("a last word").starts_with("retry: "));
    assert_eq!(first.block().await, None);
    api.get("/api/events").await.is(503);
}

#[api_test]
async fn what_is_forgotten_while_it_is_sent_again_is_said() {
    for all in [false, true] {
        let api = Api::start().await;
        let admin = api.sign_in(Role::Admin).await;
        let begin = Stream::open(&admin, "").await.begin.expect("a position");
        let write = async |title: &str| admin.post("/api/posts", new(title)).await.is(201);
        write("Pins").await;
        api.clock.advance(1000);
        let middle = api.clock.now();
        write("Tails").await;
        let mut late = Stream::open(&admin, &format!("?after={begin}")).await;
        // The stream has begun, and nothing of it was read.
        let until = if all { middle + 1000 } else { middle };
        api.app.db.delete_events_before(until).await.expect("forgotten");
        assert!(late.block().await.expect("it goes on").starts_with("retry: "));
        let reset = late.next().await;
        assert_eq!(reset.name, "reset", "{reset:?}");
        write("Sockets").await;
        let next = late.next().await;
        assert!(next.name != "reset" && next.id > reset.id, "{next:?}");
    }
}

#[api_test]
async fn what_is_wrong_with_a_stream_is_said() {
    let api = Api::start().await;
    for (query, place) in
        [("?topics=wood", "topics"), ("?after=-1", "after"), ("?after=x", "after"), ("?since=1", "since")]
    {
        let answer = api.get(&format!("/api/events{query}")).await.is(400);
        assert_eq!(answer.locations(), [place], "{query}");
    }
    let answer = api.header("last-event-id", "abc").get("/api/events").await.is(400);
    assert_eq!(answer.locations(), ["Last-Event-ID"]);
    api.header("accept", "application/json").get("/api/events").await.is(406);
}
