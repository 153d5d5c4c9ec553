//! Channels and what is said in them: who reads and writes where, what is told to whom, and what is sent twice.
use serde_json::{Value, json};
use tenon::http::auth::Role;
use uuid::Uuid;

use crate::{
    concurrency::at_once,
    events::Stream,
    support::{Api, Response},
};

const AUDIENCES: [&str; 3] = ["public", "accounts", "staff"];

/// A new channel, by its path.
pub async fn channel(editor: &Api, audience: &str) -> String {
    let new = json!({ "name": format!("For {audience} {}", Uuid::now_v7()), "audience": audience });
    editor.post("/api/channels", new).await.is(201).header("location").to_owned()
}

pub async fn say(who: &Api, channel: &str, text: &str) -> Response {
    who.post(&format!("{channel}/messages"), json!({ "text": text })).await
}

/// Whether somebody of this role can read what is for these.
fn reads(audience: &str, role: Option<Role>) -> bool {
    match audience {
        "public" => true,
        "accounts" => role.is_some(),
        _ => matches!(role, Some(Role::Editor | Role::Accountant | Role::Admin)),
    }
}

async fn everybody(api: &Api) -> Vec<(Option<Role>, Api)> {
    let mut all = vec![(None, api.clone())];
    for role in Role::ALL {
        all.push((Some(role), api.sign_in(role).await));
    }
    all
}

#[api_test]
async fn each_reads_and_writes_where_they_belong_and_nothing_else_is_there() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let everybody = everybody(&api).await;
    for audience in AUDIENCES {
        let channel = channel(&editor, audience).await;
        let message = say(&editor, &channel, "Good morning").await.is(201).header("location").to_owned();
        let messages = format!("{channel}/messages");
        for (role, who) in &everybody {
            let seen = reads(audience, *role);
            let read = if seen { 200 } else { 404 };
            for path in [&channel, &messages, &message] {
                let answer = who.get(path).await.is(read);
                assert!(!seen || answer.header("cache-control") == "private, no-cache", "{path}");
            }
            let list = who.get("/api/channels?limit=50").await.is(200).body;
            let listed = list["data"].as_array().expect("entries").iter();
            assert_eq!(listed.filter(|entry| entry["audience"] == audience).count(), usize::from(seen));
            let only = who.get(&format!("/api/channels?audience={audience}")).await.is(200).body;
            assert_eq!(only["pagination"]["total"], i64::from(seen), "{audience} as {role:?}");
            let (signed, edits) = (role.is_some(), role.is_some_and(Role::is_editor));
            let may = |status: u16| match (signed, seen) {
                (false, _) => 401,
                (true, false) => 404,
                (true, true) => status,
            };
            let said = say(who, &channel, "Good evening").await.is(may(201));
            who.patch(&message, json!({ "text": "Mine" })).await.is(may(403));
            if !edits {
                who.delete(&message).await.is(may(403));
            }
            if said.status == 201 {
                who.patch(said.header("location"), json!({ "text": "Good night" })).await.is(200);
                who.delete(said.header("location")).await.is(204);
                who.get(said.header("location")).await.is(404);
            }
        }
    }
}

#[api_test]
async fn a_channel_is_made_found_changed_and_deleted() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let new = json!({ "name": " Workshop ", "description": "The bench", "audience": "public" });
    let once = editor.header("idempotency-key", "bench");
    let made = once.post("/api/channels", new.clone()).await.is(201);
    assert_eq!(made.body["name"], "Workshop");
    assert_eq!(once.post("/api/channels", new.clone()).await.is(201).body, made.body);
    once.post("/api/channels", json!({ "name": "Other", "audience": "staff" })).await.is(422);
    assert_eq!(editor.post("/api/channels", new).await.is(409).locations(), ["#/name"]);
    let path = made.header("location");
    let read = api.get(path).await.is(200);
    assert_eq!((read.header("etag"), &read.body), (made.header("etag"), &made.body));
    api.header("if-none-match", read.header("etag")).get(path).await.is(304);
    let list = api.get("/api/channels").await.is(200);
    api.header("if-none-match", list.header("etag")).get("/api/channels").await.is(304);
    // What others cannot see leaves the list as it was.
    let hidden = channel(&editor, "staff").await;
    api.header("if-none-match", list.header("etag")).get("/api/channels").await.is(304);

    let known = editor.header("if-match", read.header("etag"));
    let changed = known.patch(path, json!({ "description": null })).await.is(200);
    assert!(changed.body.get("description").is_none() && changed.header("etag") != read.header("etag"));
    known.patch(path, json!({ "name": "Late" })).await.is(412);
    known.delete(path).await.is(412);
    let same = editor.patch(path, json!({ "name": "Workshop" })).await.is(200);
    assert_eq!(same.header("etag"), changed.header("etag"));
    let taken = editor.patch(&hidden, json!({ "name": "Workshop" })).await.is(409);
    assert_eq!(taken.locations(), ["#/name"]);
    editor.header("prefer", "return=minimal").patch(path, json!({ "name": "Bench" })).await.is(204);

    let message = say(&editor, path, "Sweep the floor").await.is(201).header("location").to_owned();
    editor.delete(path).await.is(204);
    for gone in [path, &message, &format!("{path}/messages")] {
        editor.get(gone).await.is(404);
    }
    editor.delete(path).await.is(404);
}

#[api_test]
async fn a_message_says_when_it_was_edited_and_belongs_to_its_author() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let channel = channel(&editor, "public").await;
    let once = reader.header("idempotency-key", "hello");
    let made = say(&once, &channel, " Hello ").await.is(201);
    assert_eq!((&made.body["text"], made.body.get("editedAt")), (&json!("Hello"), None));
    assert_eq!(say(&once, &channel, " Hello ").await.is(201).header("idempotent-replayed"), "true");
    say(&once, &channel, "Goodbye").await.is(422);
    let path = made.header("location");
    let read = api.get(path).await.is(200);
    assert_eq!((read.header("etag"), &read.body), (made.header("etag"), &made.body));
    api.header("if-none-match", read.header("etag")).get(path).await.is(304);
    let messages = format!("{channel}/messages");
    let list = api.get(&messages).await.is(200);
    api.header("if-none-match", list.header("etag")).get(&messages).await.is(304);

    api.clock.advance(60_000);
    let known = reader.header("if-match", read.header("etag"));
    let edited = known.patch(path, json!({ "text": "Hello, all" })).await.is(200);
    assert_eq!(edited.body["editedAt"], json!("2026-11-21T09:01:00.000Z"));
    assert_eq!(edited.body["createdAt"], made.body["createdAt"]);
    api.header("if-none-match", list.header("etag")).get(&messages).await.is(200);
    known.patch(path, json!({ "text": "Late" })).await.is(412);
    known.delete(path).await.is(412);
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
async fn changes_may_have_to_name_a_version() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let channel = channel(&editor, "public").await;
    let message = say(&editor, &channel, "Hello").await.is(201).header("location").to_owned();
    editor.patch(&message, json!({ "text": "Hi" })).await.is(428);
    editor.delete(&message).await.is(428);
    editor.patch(&channel, json!({ "name": "Hi" })).await.is(428);
    editor.delete(&channel).await.is(428);
}

#[api_test]
async fn what_is_said_is_told_to_those_who_may_read_it_live_and_later() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let accountant = api.sign_in(Role::Accountant).await;
    let admin = api.sign_in(Role::Admin).await;
    let key = |scope: &str| {
        let (admin, new) = (admin.clone(), json!({ "name": "p", "scopes": ["events:read", scope] }));
        async move { admin.post("/api/api-keys", new).await.is(201).body["key"].clone() }
    };
    let (deaf, hears) = (key("posts:read").await, key("messages:read").await);
    let (deaf, hears) = (api.bearer(deaf.as_str().unwrap()), api.bearer(hears.as_str().unwrap()));
    let listeners = [
        (&api, &["public"][..]),
        (&reader, &["public", "accounts"]),
        (&accountant, &AUDIENCES),
        (&editor, &AUDIENCES),
        (&deaf, &["public"]),
        (&hears, &AUDIENCES),
    ];
    let mut live = Vec::new();
    for (who, _) in listeners {
        live.push(Stream::open(who, "?topics=messages").await);
    }
    let begin = live[0].begin.expect("a position");
    let mut said = Vec::new();
    for audience in AUDIENCES.into_iter().rev() {
        let message = say(&editor, &channel(&editor, audience).await, "One").await.is(201);
        editor.patch(message.header("location"), json!({ "text": "Two" })).await.is(200);
        editor.delete(message.header("location")).await.is(204);
        said.push((audience, message.id()));
    }
    for (stream, (who, theirs)) in live.iter_mut().zip(listeners) {
        let mut later = Stream::open(who, &format!("?topics=messages&after={begin}")).await;
        for (_, id) in said.iter().filter(|(audience, _)| theirs.contains(audience)) {
            for name in ["message.created", "message.updated", "message.deleted"] {
                let sent = stream.next().await;
                assert_eq!((sent.name.as_str(), &sent.data["data"]["id"]), (name, &json!(id)));
                assert_eq!(later.next().await, sent);
            }
        }
    }
}

#[api_test]
async fn a_channel_that_closes_says_so_and_then_nothing_more() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut everybody = Stream::open(&api, "?topics=channels&topics=messages").await;
    let mut house = Stream::open(&editor, "?topics=channels&topics=messages").await;
    let closes = channel(&editor, "public").await;
    let before = say(&editor, &closes, "For all").await.is(201).header("location").to_owned();
    editor.patch(&closes, json!({ "audience": "staff" })).await.is(200);
    say(&editor, &closes, "For us").await.is(201);
    for gone in [&closes, &before] {
        api.get(gone).await.is(404);
    }
    editor.delete(&closes).await.is(204);
    let opens = channel(&editor, "staff").await;
    editor.patch(&opens, json!({ "audience": "public" })).await.is(200);
    let told = everybody.names(4).await;
    assert_eq!(told, ["channel.created", "message.created", "channel.updated", "channel.updated"]);
    let told = house.names(7).await;
    assert_eq!(told[3..], ["message.created", "channel.deleted", "channel.created", "channel.updated"]);
    api.get(&opens).await.is(200);
}

/// What was said, by ids.
fn ids(page: &Value) -> Vec<String> {
    let entries = page["data"].as_array().expect("entries").iter();
    entries.map(|entry| entry["id"].as_str().expect("an id").to_owned()).collect()
}

#[api_test]
async fn a_walk_through_the_history_meets_each_message_once_while_others_come() {
    let api = Api::start().await;
    let reader = api.sign_in(Role::Reader).await;
    let channel = channel(&api.sign_in(Role::Editor).await, "accounts").await;
    let mut said = Vec::new();
    for number in 0..23 {
        said.push(say(&reader, &channel, &format!("Number {number}")).await.is(201).id());
    }
    said.reverse();
    let (mut walked, mut after) = (Vec::new(), String::new());
    loop {
        let page = reader.get(&format!("{channel}/messages?limit=5{after}")).await.is(200).body;
        walked.extend(ids(&page));
        let Some(cursor) = page["pagination"]["nextCursor"].as_str() else { break };
        after = format!("&after={cursor}");
        for text in ["And", "another"] {
            say(&reader, &channel, text).await.is(201);
        }
    }
    assert_eq!(walked, said);
    let newest = reader.get(&format!("{channel}/messages?limit=50")).await.is(200).body;
    assert_eq!(newest["pagination"]["total"], 23 + 8);
    assert_eq!(ids(&newest)[8..], said);
    assert_eq!(ids(&reader.get(&format!("{channel}/messages?limit=8&page=2")).await.is(200).body), said[..8]);
}

#[api_test(worker_threads = 4)]
async fn what_is_sent_twenty_times_at_once_is_said_once() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let channel = channel(&editor, "public").await;
    let mut stream = Stream::open(&api, "?topics=messages").await;
    let path = format!("{channel}/messages");
    let new = json!({ "text": "Once", "clientId": Uuid::now_v7() });
    let statuses = at_once(20, |_| {
        let (reader, path, new) = (reader.clone(), path.clone(), new.clone());
        async move { reader.post(&path, new).await }
    })
    .await;
    assert_eq!(statuses, [vec![200; 19], vec![201]].concat());
    say(&editor, &channel, "Done").await.is(201);
    let list = api.get(&path).await.is(200).body;
    assert_eq!(list["pagination"]["total"], 2);
    let told = [stream.next().await, stream.next().await].map(|sent| sent.data["data"]["id"].clone());
    assert_eq!(json!(told), json!([list["data"][1]["id"], list["data"][0]["id"]]));
}

#[api_test]
async fn a_client_id_is_one_message_of_one_author_in_one_channel() {
    let api = Api::start().await;
    let (editor, reader) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Reader).await);
    let (here, there) = (channel(&editor, "public").await, channel(&editor, "public").await);
    let (here, there) = (format!("{here}/messages"), format!("{there}/messages"));
    let new = json!({ "text": "First", "clientId": "6F1B7D0A-3F0E-4A55-9D0E-0C6C1B0E5A11" });
    let first = reader.post(&here, new.clone()).await.is(201);
    assert_eq!(first.body["clientId"], "6f1b7d0a-3f0e-4a55-9d0e-0c6c1b0e5a11");
    let padded = json!({ "text": " First\n", "clientId": new["clientId"] });
    let again = reader.post(&here, padded).await.is(200);
    assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
    let other = json!({ "text": "Second", "clientId": new["clientId"] });
    assert_eq!(reader.post(&here, other.clone()).await.is(409).locations(), ["#/clientId"]);
    // Another text by now, and still what was sent first.
    reader.patch(first.header("location"), json!({ "text": "Second" })).await.is(200);
    let again = reader.post(&here, new.clone()).await.is(200);
    assert_eq!((again.id(), &again.body["text"]), (first.id(), &json!("Second")));
    reader.post(&here, other).await.is(409);
    // A key keeps the answer, whichever it was.
    let once = reader.header("idempotency-key", "again");
    once.post(&here, new.clone()).await.is(200);
    assert_eq!(once.post(&here, new.clone()).await.is(200).header("idempotent-replayed"), "true");
    for (who, path) in [(&reader, &there), (&editor, &here)] {
        assert_ne!(who.post(path, new.clone()).await.is(201).id(), first.id());
    }
}

#[api_test]
async fn what_is_wrong_is_refused_by_name() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let path = format!("{}/messages", channel(&editor, "public").await);
    let long = "ä".repeat(4001);
    for (body, places) in [
        (json!({}), vec!["#/text"]),
        (json!({ "text": "" }), vec!["#/text"]),
        (json!({ "text": " \n\t" }), vec!["#/text"]),
        (json!({ "text": long }), vec!["#/text"]),
        (json!({ "text": "a\u{0}" }), vec!["#/text"]),
        (json!({ "text": 7, "clientId": "x" }), vec!["#/clientId", "#/text"]),
        (json!({ "text": "a", "clientId": null }), vec!["#/clientId"]),
        (json!({ "text": "a", "authorId": "me" }), vec!["#/authorId"]),
    ] {
        assert_eq!(editor.post(&path, body.clone()).await.is(400).locations(), places, "{body}");
    }
    for (body, places) in [
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
        assert_eq!(editor.post("/api/channels", body.clone()).await.is(400).locations(), places, "{body}");
    }
    for query in ["limit=51", "limit=0", "page=0", "after=AAAAAAAAAAAAAAAAAAAAAAAA", "sort=id"] {
        let place = query.split('=').next().expect("a name");
        assert_eq!(api.get(&format!("{path}?{query}")).await.is(400).locations(), [place], "{query}");
    }
    api.get("/api/channels?audience=nobody").await.is(400);
    editor.post(&path, json!({ "text": "ä".repeat(4000) })).await.is(201);
    editor.post("/api/channels/none/messages", json!({ "text": "a" })).await.is(404);
}
