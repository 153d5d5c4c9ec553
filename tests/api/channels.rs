//! Channels and messages: access by audience, live events, pagination and duplicate posts.
use sea_orm::Iterable;
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::{
    concurrency::run_concurrently,
    events::EventStream,
    support::{Api, Response},
};

const AUDIENCES: [&str; 3] = ["public", "accounts", "staff"];

/// Creates a channel and returns its path.
pub async fn create_channel(editor: &Api, audience: &str) -> String {
    let new = json!({ "name": format!("For {audience} {}", Uuid::now_v7()), "audience": audience });
    editor.post("/api/channels", new).await.is(201).header("location").to_owned()
}

pub async fn post_message(client: &Api, channel: &str, text: &str) -> Response {
    client.post(&format!("{channel}/messages"), json!({ "text": text })).await
}

/// Returns whether a client with this role may read a channel with this audience.
fn may_read(audience: &str, role: Option<Role>) -> bool {
    match audience {
        "public" => true,
        "accounts" => role.is_some(),
        _ => matches!(role, Some(Role::Editor | Role::Accountant | Role::Admin)),
    }
}

async fn sign_in_all(api: &Api) -> Vec<(Option<Role>, Api)> {
    let mut clients = vec![(None, api.clone())];
    for role in Role::iter() {
        clients.push((Some(role), api.sign_in(role).await));
    }
    clients
}

#[api_test]
async fn channels_are_visible_only_to_their_audience() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let clients = sign_in_all(&api).await;
    for audience in AUDIENCES {
        let channel_path = create_channel(&editor, audience).await;
        let message =
            post_message(&editor, &channel_path, "Good morning").await.is(201).header("location").to_owned();
        let messages = format!("{channel_path}/messages");
        for (role, client) in &clients {
            let visible = may_read(audience, *role);
            let status = if visible { 200 } else { 404 };
            for path in [&channel_path, &messages, &message] {
                let response = client.get(path).await.is(status);
                assert!(!visible || response.header("cache-control") == "private, no-cache", "{path}");
            }
            let list = client.get("/api/channels?limit=50").await.is(200).body;
            let listed = list["data"].as_array().expect("a page").iter();
            assert_eq!(listed.filter(|entry| entry["audience"] == audience).count(), usize::from(visible));
            let only = client.get(&format!("/api/channels?audience={audience}")).await.is(200).body;
            assert_eq!(only["pagination"]["total"], i64::from(visible), "{audience} as {role:?}");
            let (signed_in, is_editor) = (role.is_some(), role.is_some_and(Role::is_editor));
            let expected = |status: u16| match (signed_in, visible) {
                (false, _) => 401,
                (true, false) => 404,
                (true, true) => status,
            };
            let posted = post_message(client, &channel_path, "Good evening").await.is(expected(201));
            client.patch(&message, json!({ "text": "Mine" })).await.is(expected(403));
            if !is_editor {
                client.delete(&message).await.is(expected(403));
            }
            if posted.status == 201 {
                client.patch(posted.header("location"), json!({ "text": "Good night" })).await.is(200);
                client.delete(posted.header("location")).await.is(204);
                client.get(posted.header("location")).await.is(404);
            }
        }
    }
}

#[api_test]
async fn channels_are_created_read_updated_and_deleted() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let new = json!({ "name": " Workshop ", "description": "The bench", "audience": "public" });
    let idempotent = editor.header("idempotency-key", "bench");
    let created = idempotent.post("/api/channels", new.clone()).await.is(201);
    assert_eq!(created.body["name"], "Workshop");
    assert_eq!(idempotent.post("/api/channels", new.clone()).await.is(201).body, created.body);
    idempotent.post("/api/channels", json!({ "name": "Other", "audience": "staff" })).await.is(422);
    assert_eq!(editor.post("/api/channels", new).await.is(409).locations(), ["#/name"]);
    let path = created.header("location");
    let read = api.get(path).await.is(200);
    assert_eq!((read.header("etag"), &read.body), (created.header("etag"), &created.body));
    api.header("if-none-match", read.header("etag")).get(path).await.is(304);
    let list = api.get("/api/channels").await.is(200);
    api.header("if-none-match", list.header("etag")).get("/api/channels").await.is(304);
    // A channel that the client may not read does not change the entity tag of its list.
    let hidden = create_channel(&editor, "staff").await;
    api.header("if-none-match", list.header("etag")).get("/api/channels").await.is(304);

    let conditional = editor.header("if-match", read.header("etag"));
    let updated = conditional.patch(path, json!({ "description": null })).await.is(200);
    assert!(updated.body.get("description").is_none() && updated.header("etag") != read.header("etag"));
    conditional.patch(path, json!({ "name": "Late" })).await.is(412);
    conditional.delete(path).await.is(412);
    let same = editor.patch(path, json!({ "name": "Workshop" })).await.is(200);
    assert_eq!(same.header("etag"), updated.header("etag"));
    let conflict = editor.patch(&hidden, json!({ "name": "Workshop" })).await.is(409);
    assert_eq!(conflict.locations(), ["#/name"]);
    editor.header("prefer", "return=minimal").patch(path, json!({ "name": "Bench" })).await.is(204);

    let message = post_message(&editor, path, "Sweep the floor").await.is(201).header("location").to_owned();
    editor.delete(path).await.is(204);
    for deleted in [path, &message, &format!("{path}/messages")] {
        editor.get(deleted).await.is(404);
    }
    editor.delete(path).await.is(404);
}

#[api_test]
async fn only_the_author_updates_a_message_and_sets_its_edit_time() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let channel_path = create_channel(&editor, "public").await;
    let idempotent = reader.header("idempotency-key", "hello");
    let created = post_message(&idempotent, &channel_path, " Hello ").await.is(201);
    assert_eq!((&created.body["text"], created.body.get("editedAt")), (&json!("Hello"), None));
    assert_eq!(
        post_message(&idempotent, &channel_path, " Hello ").await.is(201).header("idempotent-replayed"),
        "true"
    );
    post_message(&idempotent, &channel_path, "Goodbye").await.is(422);
    let path = created.header("location");
    let read = api.get(path).await.is(200);
    assert_eq!((read.header("etag"), &read.body), (created.header("etag"), &created.body));
    api.header("if-none-match", read.header("etag")).get(path).await.is(304);
    let messages = format!("{channel_path}/messages");
    let list = api.get(&messages).await.is(200);
    api.header("if-none-match", list.header("etag")).get(&messages).await.is(304);

    api.clock.advance(60_000);
    let conditional = reader.header("if-match", read.header("etag"));
    let edited = conditional.patch(path, json!({ "text": "Hello, all" })).await.is(200);
    assert_eq!(edited.body["editedAt"], json!("2026-11-21T09:01:00.000Z"));
    assert_eq!(edited.body["createdAt"], created.body["createdAt"]);
    api.header("if-none-match", list.header("etag")).get(&messages).await.is(200);
    conditional.patch(path, json!({ "text": "Late" })).await.is(412);
    conditional.delete(path).await.is(412);
    let same = reader.patch(path, json!({ "text": "Hello, all" })).await.is(200);
    assert_eq!(same.header("etag"), edited.header("etag"));
    reader.header("prefer", "return=minimal").patch(path, json!({ "text": "Hm" })).await.is(204);
    editor.patch(path, json!({ "text": "Mine" })).await.is(403);

    let me = reader.get("/api/me").await.is(200).id();
    let account = format!("/api/users/{me}");
    let admin = api.sign_in(Role::Admin).await;
    admin.delete(&account).await.is(409);
    editor.delete(path).await.is(204);
    admin.delete(&account).await.is(204);
}

#[api_test]
async fn a_service_can_require_if_match_for_channels_and_messages() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let channel_path = create_channel(&editor, "public").await;
    let message = post_message(&editor, &channel_path, "Hello").await.is(201).header("location").to_owned();
    editor.patch(&message, json!({ "text": "Hi" })).await.is(428);
    editor.delete(&message).await.is(428);
    editor.patch(&channel_path, json!({ "name": "Hi" })).await.is(428);
    editor.delete(&channel_path).await.is(428);
}

#[api_test]
async fn message_events_are_sent_and_replayed_only_to_clients_that_may_read_the_channel() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let accountant = api.sign_in(Role::Accountant).await;
    let admin = api.sign_in(Role::Admin).await;
    let key = |scope: &str| {
        let (admin, body) = (admin.clone(), json!({ "name": "p", "scopes": ["events:read", scope] }));
        async move { admin.post("/api/api-keys", body).await.is(201).body["key"].clone() }
    };
    let (without_scope, with_scope) = (key("posts:read").await, key("messages:read").await);
    let (without_scope, with_scope) =
        (api.bearer(without_scope.as_str().unwrap()), api.bearer(with_scope.as_str().unwrap()));
    let subscribers = [
        (&api, &["public"][..]),
        (&reader, &["public", "accounts"]),
        (&accountant, &AUDIENCES),
        (&editor, &AUDIENCES),
        (&without_scope, &["public"]),
        (&with_scope, &AUDIENCES),
    ];
    let mut streams = Vec::new();
    for (client, _) in subscribers {
        streams.push(EventStream::open(client, "?topics=messages").await);
    }
    let start = streams[0].start.expect("a position");
    let mut posted = Vec::new();
    for audience in AUDIENCES.into_iter().rev() {
        let message = post_message(&editor, &create_channel(&editor, audience).await, "One").await.is(201);
        editor.patch(message.header("location"), json!({ "text": "Two" })).await.is(200);
        editor.delete(message.header("location")).await.is(204);
        posted.push((audience, message.id()));
    }
    for (stream, (client, readable)) in streams.iter_mut().zip(subscribers) {
        let mut replay = EventStream::open(client, &format!("?topics=messages&after={start}")).await;
        for (_, id) in posted.iter().filter(|(audience, _)| readable.contains(audience)) {
            for name in ["message.created", "message.updated", "message.deleted"] {
                let event = stream.next().await;
                assert_eq!((event.name.as_str(), &event.data["data"]["id"]), (name, &json!(id)));
                assert_eq!(replay.next().await, event);
            }
        }
    }
}

#[api_test]
async fn events_of_a_channel_stop_after_its_audience_is_restricted() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut anonymous = EventStream::open(&api, "?topics=channels&topics=messages").await;
    let mut staff = EventStream::open(&editor, "?topics=channels&topics=messages").await;
    let closing = create_channel(&editor, "public").await;
    let message = post_message(&editor, &closing, "For all").await.is(201).header("location").to_owned();
    editor.patch(&closing, json!({ "audience": "staff" })).await.is(200);
    post_message(&editor, &closing, "For us").await.is(201);
    for deleted in [&closing, &message] {
        api.get(deleted).await.is(404);
    }
    editor.delete(&closing).await.is(204);
    let opening = create_channel(&editor, "staff").await;
    editor.patch(&opening, json!({ "audience": "public" })).await.is(200);
    let names = anonymous.names(4).await;
    assert_eq!(names, ["channel.created", "message.created", "channel.updated", "channel.updated"]);
    let names = staff.names(7).await;
    assert_eq!(names[3..], ["message.created", "channel.deleted", "channel.created", "channel.updated"]);
    api.get(&opening).await.is(200);
}

/// Returns the ids of the entries of a page.
fn ids(page: &Value) -> Vec<String> {
    let entries = page["data"].as_array().expect("a page").iter();
    entries.map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

#[api_test]
async fn pagination_returns_each_message_once_while_others_are_posted() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    let channel_path = create_channel(&api.sign_in(Role::Editor).await, "accounts").await;
    let mut posted = Vec::new();
    for number in 0..23 {
        posted.push(post_message(&reader, &channel_path, &format!("Number {number}")).await.is(201).id());
    }
    posted.reverse();
    let (mut collected, mut after) = (Vec::new(), String::new());
    loop {
        let page = reader.get(&format!("{channel_path}/messages?limit=5{after}")).await.is(200).body;
        collected.extend(ids(&page));
        let Some(cursor) = page["pagination"]["nextCursor"].as_str() else { break };
        after = format!("&after={cursor}");
        for text in ["And", "another"] {
            post_message(&reader, &channel_path, text).await.is(201);
        }
    }
    assert_eq!(collected, posted);
    let newest = reader.get(&format!("{channel_path}/messages?limit=50")).await.is(200).body;
    assert_eq!(newest["pagination"]["total"], 23 + 8);
    assert_eq!(ids(&newest)[8..], posted);
    assert_eq!(
        ids(&reader.get(&format!("{channel_path}/messages?limit=8&page=2")).await.is(200).body),
        posted[..8]
    );
}

#[api_test(worker_threads = 4)]
async fn concurrent_posts_with_one_client_id_create_one_message() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let channel_path = create_channel(&editor, "public").await;
    let mut stream = EventStream::open(&api, "?topics=messages").await;
    let path = format!("{channel_path}/messages");
    let body = json!({ "text": "Once", "clientId": Uuid::now_v7() });
    let statuses = run_concurrently(20, |_| {
        let (reader, path, body) = (reader.clone(), path.clone(), body.clone());
        async move { reader.post(&path, body).await }
    })
    .await;
    assert_eq!(statuses, [vec![200; 19], vec![201]].concat());
    post_message(&editor, &channel_path, "Done").await.is(201);
    let list = api.get(&path).await.is(200).body;
    assert_eq!(list["pagination"]["total"], 2);
    let ids = [stream.next().await, stream.next().await].map(|event| event.data["data"]["id"].clone());
    assert_eq!(json!(ids), json!([list["data"][1]["id"], list["data"][0]["id"]]));
}

#[api_test]
async fn a_client_id_is_unique_per_author_and_channel() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let (here, there) = (create_channel(&editor, "public").await, create_channel(&editor, "public").await);
    let (here, there) = (format!("{here}/messages"), format!("{there}/messages"));
    let body = json!({ "text": "First", "clientId": "6F1B7D0A-3F0E-4A55-9D0E-0C6C1B0E5A11" });
    let first = reader.post(&here, body.clone()).await.is(201);
    assert_eq!(first.body["clientId"], "6f1b7d0a-3f0e-4a55-9d0e-0c6c1b0e5a11");
    let padded = json!({ "text": " First\n", "clientId": body["clientId"] });
    let repeated = reader.post(&here, padded).await.is(200);
    assert_eq!((&repeated.body, repeated.header("location")), (&first.body, first.header("location")));
    let other = json!({ "text": "Second", "clientId": body["clientId"] });
    assert_eq!(reader.post(&here, other.clone()).await.is(409).locations(), ["#/clientId"]);
    // A repeated request returns the existing message although its text was updated.
    reader.patch(first.header("location"), json!({ "text": "Second" })).await.is(200);
    let repeated = reader.post(&here, body.clone()).await.is(200);
    assert_eq!((repeated.id(), &repeated.body["text"]), (first.id(), &json!("Second")));
    reader.post(&here, other).await.is(409);
    // The idempotency key stores the response, a 200 as well as a 201.
    let idempotent = reader.header("idempotency-key", "again");
    idempotent.post(&here, body.clone()).await.is(200);
    assert_eq!(idempotent.post(&here, body.clone()).await.is(200).header("idempotent-replayed"), "true");
    for (client, path) in [(&reader, &there), (&editor, &here)] {
        assert_ne!(client.post(path, body.clone()).await.is(201).id(), first.id());
    }
}

#[api_test]
async fn rejects_invalid_fields_and_parameters() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = format!("{}/messages", create_channel(&editor, "public").await);
    let long = "ä".repeat(4001);
    for (body, expected) in [
        (json!({}), vec!["#/text"]),
        (json!({ "text": "" }), vec!["#/text"]),
        (json!({ "text": " \n\t" }), vec!["#/text"]),
        (json!({ "text": long }), vec!["#/text"]),
        (json!({ "text": "a\u{0}" }), vec!["#/text"]),
        (json!({ "text": 7, "clientId": "x" }), vec!["#/clientId", "#/text"]),
        (json!({ "text": "a", "clientId": null }), vec!["#/clientId"]),
        (json!({ "text": "a", "authorId": "me" }), vec!["#/authorId"]),
    ] {
        assert_eq!(editor.post(&path, body.clone()).await.is(400).locations(), expected, "{body}");
    }
    for (body, expected) in [
        (json!({}), vec!["#/audience", "#/name"]),
        (json!({ "name": " ", "audience": "staff" }), vec!["#/name"]),
        (json!({ "name": "a\nb", "audience": "staff" }), vec!["#/name"]),
        (
            json!({ "name": long, "description": long, "audience": 1 }),
            vec!["#/audience", "#/description", "#/name"],
        ),
        (json!({ "name": "a", "audience": "nobody" }), vec!["#/audience"]),
        (json!({ "name": "a", "description": null, "audience": "staff" }), vec!["#/description"]),
    ] {
        assert_eq!(editor.post("/api/channels", body.clone()).await.is(400).locations(), expected, "{body}");
    }
    for query in ["limit=51", "limit=0", "page=0", "after=AAAAAAAAAAAAAAAAAAAAAAAA", "sort=id"] {
        let parameter = query.split('=').next().expect("a name");
        assert_eq!(api.get(&format!("{path}?{query}")).await.is(400).locations(), [parameter], "{query}");
    }
    api.get("/api/channels?audience=nobody").await.is(400);
    editor.post(&path, json!({ "text": "ä".repeat(4000) })).await.is(201);
    editor.post("/api/channels/none/messages", json!({ "text": "a" })).await.is(404);
}
