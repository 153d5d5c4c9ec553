//! Redirects: create, validate, update, delete, list and follow.
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};
use serde_json::{Value, json};
use tenon::{
    http::auth::Role,
    resources::{content::posts::ImportedPost, redirects::RedirectRequest},
};
use tokio::sync::{Notify, watch};

use crate::support::{Api, poll_until};

fn to(destination: &str) -> Value {
    json!({ "destination": destination })
}

#[api_test]
async fn creates_follows_updates_and_deletes_a_redirect() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    api.get("/old/page").await.is(404);
    let new = json!({ "source": "/old/page", "destination": "/api/tags", "permanent": true });
    let keyed = editor.header("idempotency-key", "old");
    let created = keyed.post("/api/redirects", new.clone()).await.is(201);
    assert_eq!((&created.body["kind"], &created.body["source"]), (&json!("exact"), &json!("/old/page")));
    assert_eq!(created.header("location"), "/api/redirects/old/page");
    assert_eq!(keyed.post("/api/redirects", new.clone()).await.is(201).id(), created.id());
    keyed.post("/api/redirects", json!({ "source": "/x", "destination": "/y" })).await.is(422);
    assert_eq!(editor.post("/api/redirects", new).await.is(409).locations(), ["#/source"]);

    let redirect = api.get("/old/page?limit=2").await.is(308);
    assert_eq!((redirect.header("location"), redirect.bytes.len()), ("/api/tags?limit=2", 0));
    assert_eq!(redirect.header("cache-control"), "public, max-age=3600");
    assert_eq!(api.post("/old/page/", json!({})).await.is(308).header("location"), "/api/tags");

    let path = "/api/redirects/old/page";
    let read = api.get(path).await.is(200);
    assert_eq!((&read.body, read.header("etag")), (&created.body, created.header("etag")));
    api.header("if-none-match", created.header("etag")).get(path).await.is(304);
    for key in ["%2Fold%2Fpage", "old%2Fpage", "-old-page", "-old-page-", "/old/page"] {
        assert_eq!(api.get(&format!("/api/redirects/{key}")).await.is(200).id(), created.id(), "{key}");
    }
    assert_eq!(api.get(&format!("{path}/")).await.is(308).header("location"), path);

    let conditional = editor.header("if-match", created.header("etag"));
    let put = conditional.put(path, to("/api/authors")).await.is(200);
    assert_eq!((&put.body["id"], &put.body["permanent"]), (&created.body["id"], &json!(false)));
    let redirect = api.get("/old/page").await.is(307);
    assert_eq!((redirect.header("location"), redirect.header("cache-control")), ("/api/authors", "no-store"));
    conditional.put(path, to("/x")).await.is(412);
    conditional.delete(path).await.is(412);
    editor.header("if-none-match", "*").put(path, to("/x")).await.is(412);
    editor.header("if-match", "*").put("/api/redirects/nowhere", to("/x")).await.is(412);
    editor.header("prefer", "return=minimal").put(path, to("/api/authors")).await.is(204);
    editor.delete(path).await.is(204);
    api.get("/old/page").await.is(404);
    api.get(path).await.is(404);
    editor.delete(path).await.is(404);
    editor.put(&format!("{path}/"), to("/x")).await.is(308);
    editor.delete(&format!("{path}/")).await.is(308);
}

#[api_test]
async fn accepts_the_path_and_the_key_of_a_redirect() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let created = editor.put("/api/redirects/-api-v1-revenues", to("/api/v2/revenues/en-us")).await.is(201);
    assert_eq!(created.body["source"], "/api/v1/revenues");
    assert_eq!(created.header("location"), "/api/redirects/api/v1/revenues");
    assert_eq!(api.get("/api/v1/revenues").await.is(307).header("location"), "/api/v2/revenues/en-us");
    // `/a-b` and `/a/b` share the key `-a-b`. It selects `/a/b` if that redirect exists.
    for source in ["/a-b", "/a/b"] {
        editor.post("/api/redirects", json!({ "source": source, "destination": "/x" })).await.is(201);
        assert_eq!(api.get("/api/redirects/-a-b").await.is(200).body["source"], source);
    }
    editor.delete("/api/redirects/-a-b").await.is(204);
    assert_eq!(api.get("/api/redirects/-a-b").await.is(200).body["source"], "/a-b");
    // Sources that resemble keys or path parameters of the API have unique URLs.
    let (plain, escapes) =
        (["/-a-b", "/import", "/export/csv", "/"], ["/a%2Fb", "/100%25", "/a%2Ab", "/a%3Fb"]);
    for source in [&plain[..], &escapes, &["/über uns", "/blog/*", "/blog/*.html", "/a*b"]].concat() {
        let new = json!({ "source": source, "destination": "/elsewhere" });
        let created = editor.post("/api/redirects", new).await.is(201);
        let read = api.get(created.header("location")).await.is(200);
        assert_eq!(read.body["source"], source, "{}", created.header("location"));
    }
    assert_eq!(api.get("/api/redirects/%2F").await.is(200).body["source"], "/");
    assert_eq!(editor.put("/api/redirects/%2F", to("/start")).await.is(200).body["source"], "/");
    assert_eq!(api.get("/").await.is(307).header("location"), "/start");
    editor.delete("/api/redirects/%2F").await.is(204);
    assert_eq!(
        editor.put("/api/redirects/%2F", to("/start")).await.is(201).header("location"),
        "/api/redirects/%2F"
    );
    editor.delete("/api/redirects/a%252Ab").await.is(204);
    assert_eq!(
        api.get("/api/redirects/a*b").await.is(200).body["source"],
        "/a*b",
        "the wildcard redirect remains"
    );
    for unknown in ["-none", "none", "livez", "a//b", "..", "%2F%2Fa"] {
        api.get(&format!("/api/redirects/{unknown}")).await.is(404);
    }
    editor.put("/api/redirects/a//b", to("/x")).await.is(404);
}

#[api_test]
async fn rejects_invalid_sources_and_destinations() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let early = "2026-11-01T00:00:00Z";
    for (new, location) in [
        (json!({ "source": "old", "destination": "/new" }), "#/source"),
        (json!({ "source": "//old", "destination": "/new" }), "#/source"),
        (json!({ "source": "/a/../b", "destination": "/new" }), "#/source"),
        (json!({ "source": "/livez", "destination": "/new" }), "#/source"),
        (json!({ "source": "/api/auth/login", "destination": "/new" }), "#/source"),
        (json!({ "source": "/api/posts/*", "destination": "/new" }), "#/source"),
        (json!({ "source": "/swagger", "destination": "/new" }), "#/source"),
        (json!({ "source": "/old", "destination": "new" }), "#/destination"),
        (json!({ "source": "/old", "destination": "//evil.test" }), "#/destination"),
        (json!({ "source": "/old", "destination": "/\\evil.test" }), "#/destination"),
        (json!({ "source": "/old", "destination": "/%09/evil.test" }), "#/destination"),
        (json!({ "source": "/old", "destination": "https://evil.test" }), "#/destination"),
        (json!({ "source": "/old", "destination": "https://acme.test@evil.test" }), "#/destination"),
        (json!({ "source": "/old", "destination": "/*" }), "#/destination"),
        (json!({ "source": "/old", "destination": "/new", "endsAt": early, "startsAt": early }), "#/endsAt"),
    ] {
        let rejected = editor.post("/api/redirects", new.clone()).await.is(400);
        assert_eq!(rejected.locations(), [location], "{new}");
    }
    let rejected = editor.put("/api/redirects/readyz", to("/new")).await.is(400);
    assert_eq!(rejected.locations(), ["key"]);
    assert_eq!(editor.get("/api/redirects").await.is(200).body["pagination"]["total"], 0);
    let listed = Api::with(&[("redirect_hosts", "shop.acme.test")]).await;
    let editor = listed.sign_in(Role::Editor).await;
    editor.put("/api/redirects/shop/*", to("https://shop.acme.test/:splat")).await.is(201);
    let redirect = listed.get("/shop//evil.test?a=1").await.is(307);
    assert_eq!(redirect.header("location"), "https://shop.acme.test/evil.test?a=1");
}

#[api_test]
async fn accepts_chains_and_rejects_cycles() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for (key, destination) in [
        ("a", "/b"),
        ("c", "/a"),
        ("branch/*", "/tree/*"),
        ("tree/oak", "/c"),
        ("one/7", "/two/7"),
        ("slash", "/end/"),
        ("uber", "/über"),
        ("old/*", "/new/*"),
        ("new/x", "/c"),
    ] {
        editor.put(&format!("/api/redirects/{key}"), to(destination)).await.is(201);
    }
    assert_eq!(api.get("/branch/oak").await.is(307).header("location"), "/tree/oak");
    assert_eq!(api.get("/tree/oak").await.is(307).header("location"), "/c");
    let cycle = "must not form a redirect cycle";
    let long = "must not form a sequence of more than 20 redirects";
    for (key, destination, rule, paths) in [
        ("b", "/a", cycle, "/b -> /a -> /b"),
        ("b", "/c", cycle, "/b -> /c -> /a -> /b"),
        ("a", "/c", cycle, "/a -> /c -> /a"),
        ("b", "/a/", cycle, "/b -> /a -> /b"),
        ("end", "/slash", cycle, "/end -> /slash -> /end"),
        ("%C3%BCber", "/uber", cycle, "/über -> /uber -> /über"),
        ("new", "/new?x=1", cycle, "/new -> /new"),
        ("tree/*", "/branch/*", cycle, "/tree/x -> /branch/x -> /tree/x"),
        ("new/*", "/old/*", cycle, "/new/x1 -> /old/x1 -> /new/x1"),
        ("two/*", "/one/*", cycle, "/one/7 -> /two/7 -> /one/7"),
        ("up/*", "/up/*/up", long, "/up/x -> /up/x/up -> /up/x/up/up -> /up/x/up/up/up -> … -> /up/x/up"),
        ("*", "/en/*", long, "/x -> /en/x -> /en/en/x"),
    ] {
        let rejected = editor.put(&format!("/api/redirects/{key}"), to(destination)).await.is(409);
        let detail = rejected.body["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.starts_with(&format!("{rule}: {paths}")), "{key} {destination}: {detail}");
    }
    let map = json!({ "/x": to("/y"), "/y": to("/x") });
    editor.post("/api/redirect-files/json", map).await.is(409);
    editor.put("/api/redirects/a", to("/d")).await.is(200);
    editor.put("/api/redirects/b", to("/a")).await.is(201);
}

#[api_test]
async fn rejects_a_redirect_that_makes_an_existing_chain_too_long() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let chain: serde_json::Map<String, Value> =
        (0..19).map(|i| (format!("/{i}"), to(&format!("/{}", i + 1)))).collect();
    editor.post("/api/redirect-files/json", Value::Object(chain)).await.is(201);
    editor.put("/api/redirects/19", to("/20")).await.is(201);
    let rejected = editor.put("/api/redirects/20", to("/21")).await.is(409);
    let detail = rejected.body["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("must not form a sequence of more than 20 redirects: /0 -> /1"), "{detail}");
    editor.put("/api/redirects/0", to("/elsewhere")).await.is(200);
    editor.put("/api/redirects/20", to("/21")).await.is(201);
}

#[api_test]
async fn a_cycle_that_a_deleted_redirect_leaves_is_inactive() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for (key, destination) in [("a/7", "/c"), ("a/*", "/b/*"), ("b/7", "/a/7")] {
        editor.put(&format!("/api/redirects/{key}"), to(destination)).await.is(201);
    }
    assert_eq!(api.get("/b/7").await.is(307).header("location"), "/a/7");
    editor.delete("/api/redirects/a/7").await.is(204);
    assert_eq!(api.get("/a/7").await.is(307).header("location"), "/b/7");
    api.get("/b/7").await.is(404);
    api.get("/api/redirects/b/7").await.is(404);
    editor.get("/api/redirects/b/7").await.is(200);
    // The inactive rule does not prevent other writes.
    editor.put("/api/redirects/c", to("/d")).await.is(201);
    editor.put("/api/redirects/a/7", to("/c")).await.is(201);
    api.get("/b/7").await.is(307);
}

#[api_test]
async fn two_redirects_at_the_same_time_cannot_form_a_cycle() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let (hold, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (held, released) = (hold.clone(), release.clone());
    // On SQLite, both wait for this transaction, and then run in one.
    let blocking = api.app.db.write(async move |_| {
        held.notify_one();
        released.notified().await;
        Ok::<_, DbErr>(())
    });
    let (one, other) = (editor.put("/api/redirects/a", to("/b")), editor.put("/api/redirects/b", to("/a")));
    let free = async {
        hold.notified().await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        release.notify_one();
    };
    let (blocking, one, other, ()) = tokio::join!(blocking, one, other, free);
    blocking.expect("the transaction commits");
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{one:?}\n{other:?}");
}

#[api_test]
async fn accepts_at_most_100_wildcards_per_folder() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let rules = |count: usize| -> Value {
        (0..count)
            .map(|i| (format!("/feeds/*-{i}.xml"), to("/feed")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let rejected = editor.post("/api/redirect-files/json", rules(101)).await.is(409);
    let errors = rejected.body["errors"].as_array().cloned().unwrap_or_default();
    let message = errors[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("would be one of more than 100 sources"), "{message}");
    assert_eq!((errors.len(), &errors[99]["message"]), (100, &json!("file: 2 more errors are not listed")));
    editor.post("/api/redirect-files/json", rules(100)).await.is(201);
    let rejected = editor.put("/api/redirects/feeds/*-x.xml", to("/feed")).await.is(409);
    let detail = rejected.body["detail"].as_str().unwrap_or_default();
    assert!(detail.starts_with("/feeds/*-x.xml would be one of more than 100 sources"), "{detail}");
    editor.put("/api/redirects/feeds/*-7.xml", to("/feeds")).await.is(200);
    editor.put("/api/redirects/feeds/x/*.xml", to("/feed")).await.is(201);
    // Whole segments are found by their names, so their number is not limited.
    let whole: serde_json::Map<String, Value> =
        (0..300).map(|i| (format!("/feeds/:lang/{i}"), to("/feed"))).collect();
    editor.post("/api/redirect-files/json", Value::Object(whole)).await.is(201);
    editor.delete("/api/redirects/feeds/*-7.xml").await.is(204);
    editor.put("/api/redirects/feeds/*-x.xml", to("/feed")).await.is(201);
}

#[api_test]
async fn redirects_between_its_dates_and_counts_hits() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let sale = json!({
        "destination": "/winter", "permanent": true,
        "startsAt": "2026-11-21T09:01:00Z", "endsAt": "2026-11-21T09:02:00Z",
    });
    editor.put("/api/redirects/sale", sale).await.is(201);
    api.get("/sale").await.is(404);
    api.get("/api/redirects/sale").await.is(404);
    editor.get("/api/redirects/sale").await.is(200);
    api.clock.advance(90_000);
    assert_eq!(api.get("/sale").await.is(308).header("cache-control"), "public, max-age=30");
    api.get("/sale").await.is(308);
    api.get("/api/redirects/sale").await.is(200);
    let list = editor.get("/api/redirects?q=WINTER").await.is(200);
    assert_eq!(list.body["data"][0]["hits"], 0);
    api.app.redirects.flush().await.unwrap();
    let list =
        editor.header("if-none-match", list.header("etag")).get("/api/redirects?q=WINTER").await.is(200);
    assert_eq!(list.body["data"][0]["hits"], 2);
    editor.header("if-none-match", list.header("etag")).get("/api/redirects?q=WINTER").await.is(304);
    api.clock.advance(60_000);
    api.get("/sale").await.is(404);
}

#[api_test]
async fn flush_stores_the_hits_of_every_redirect() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let rules: serde_json::Map<String, Value> =
        (0..2100).map(|i| (format!("/old-{i}"), to("/new"))).collect();
    editor.post("/api/redirect-files/json", Value::Object(rules)).await.is(201);
    let now = api.clock.now();
    for i in 0..2100 {
        let path = format!("/old-{i}");
        let request = RedirectRequest { path: &path, now, ..RedirectRequest::default() };
        assert!(api.app.redirects.find(&request).redirect.is_some());
    }
    api.app.redirects.flush().await.unwrap();
    let lowest = editor.get("/api/redirects?sort=hits&limit=1").await.is(200);
    assert_eq!(lowest.body["data"][0]["hits"], 1);
}

#[api_test]
async fn lists_redirects_by_page_and_by_cursor() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let rules: serde_json::Map<String, Value> =
        (0..7).map(|i| (format!("/old-{i}"), to(&format!("/new-{}", 7 - i)))).collect();
    editor.post("/api/redirect-files/json", Value::Object(rules)).await.is(201);
    for sort in ["source", "-source", "hits", "-createdAt"] {
        let sources = |page: &Value| -> Vec<Value> {
            page["data"].as_array().unwrap().iter().map(|rule| rule["source"].clone()).collect()
        };
        let full = sources(&editor.get(&format!("/api/redirects?sort={sort}")).await.is(200).body);
        let (mut by_cursor, mut after) = (Vec::new(), String::new());
        loop {
            let page = editor.get(&format!("/api/redirects?sort={sort}&limit=3{after}")).await.is(200).body;
            by_cursor.extend(sources(&page));
            match page["pagination"]["nextCursor"].as_str() {
                Some(cursor) => after = format!("&after={cursor}"),
                None => break,
            }
        }
        assert_eq!((by_cursor.len(), &by_cursor), (7, &full), "{sort}");
    }
    editor.get("/api/redirects?sort=version").await.is(400);
}

#[api_test]
async fn requires_if_match_when_configured() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    editor.put("/api/redirects/old", to("/new")).await.is(201);
    editor.put("/api/redirects/old", to("/newer")).await.is(428);
    editor.delete("/api/redirects/old").await.is(428);
    let etag = api.get("/api/redirects/old").await.is(200).header("etag").to_owned();
    editor.header("if-match", &etag).delete("/api/redirects/old").await.is(204);
}

#[api_test]
async fn aliases_of_an_imported_post_redirect_to_its_path() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let author = editor.get("/api/me").await.is(200).id().parse().unwrap();
    let post = ImportedPost {
        id: None,
        source: "dovetails.md".into(),
        title: "Dovetails".into(),
        content: "Cut the tails first.".into(),
        excerpt: None,
        cover_image: None,
        slug: "dovetails".into(),
        authors: vec![author],
        tags: vec![],
        aliases: vec!["/2015/03/Dove-Tails.html".into(), "/dt/".into()],
        published_at: Some(api.clock.now()),
    };
    let posts = api.app.posts.clone();
    api.app.db.write(async move |tx| posts.import(&tx, &post, &mut Vec::new()).await).await.unwrap();
    api.get("/2015/03/Dove-Tails.html").await.is(404);
    api.app.redirects.refresh().await.unwrap();
    for old in ["/2015/03/Dove-Tails.html", "/dt", "/dt/"] {
        assert_eq!(api.get(old).await.is(308).header("location"), "/api/posts/dovetails", "{old}");
    }
    editor.put("/api/redirects/dovetails", to("/dt/")).await.is(201);
    assert_eq!(api.get("/dovetails").await.is(307).header("location"), "/dt/");
    editor.put("/api/redirects/*", to("/dovetails")).await.is(201);
    assert_eq!(api.get("/dt").await.is(308).header("location"), "/api/posts/dovetails");
    editor.delete("/api/redirects/*").await.is(204);
    let id = api.get("/api/posts/dovetails").await.is(200).id();
    let path = format!("/api/posts/{id}");
    editor.patch(&path, json!({ "slug": "tails-first" })).await.is(200);
    let redirect = api.get("/api/posts/dovetails").await.is(308);
    assert_eq!(redirect.header("location"), "/api/posts/tails-first");
    api.app.redirects.refresh().await.unwrap();
    assert_eq!(api.get("/dt").await.is(308).header("location"), "/api/posts/tails-first");
    editor.put("/api/redirects/dt", to("/api/tags")).await.is(201);
    assert_eq!(api.get("/dt").await.is(307).header("location"), "/api/tags", "a rule wins");
    editor.patch(&path, json!({ "published": false })).await.is(200);
    api.app.redirects.refresh().await.unwrap();
    api.get("/2015/03/Dove-Tails.html").await.is(404);
    api.get("/api/posts/dovetails").await.is(404);
}

#[api_test]
async fn every_process_loads_the_redirects_of_the_others() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let other = api.second_instance().await;
    editor.put("/api/redirects/old", to("/new")).await.is(201);
    other.get("/old").await.is(404);
    let redirects = other.app.redirects.clone();
    let (stop, stopping) = watch::channel(false);
    let refresh = tokio::spawn(async move { redirects.run_refresh_loop(stopping).await });
    poll_until("the change is loaded", async || (other.get("/old").await.status == 307).then_some(())).await;
    editor.delete("/api/redirects/old").await.is(204);
    poll_until("the change is loaded", async || (other.get("/old").await.status == 404).then_some(())).await;
    // A write validates against the database, not against the cache.
    stop.send(true).unwrap();
    refresh.await.expect("the loop ends");
    editor.put("/api/redirects/a", to("/b")).await.is(201);
    other.with_credentials_of(&editor).put("/api/redirects/b", to("/a")).await.is(409);
}

#[api_test]
async fn cached_redirects_outlast_a_database_error() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    editor.put("/api/redirects/old", to("/new")).await.is(201);
    let dropped = api.app.db.write(async move |tx| tx.execute_unprepared("DROP TABLE redirects").await);
    dropped.await.unwrap();
    assert!(api.app.redirects.flush().await.is_ok(), "there are no hits to store");
    api.get("/old").await.is(307);
    assert!(api.app.redirects.flush().await.is_err());
    api.get("/old").await.is(307);
    api.get("/api/tags").await.is(200);
}
