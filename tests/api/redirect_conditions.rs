//! Redirects that depend on the host, the query, the country and the languages of a request, and destinations on any
//! host.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::{
    geo::File,
    mmdb::{Shape, database},
    support::{Api, Response},
};

/// An address in `trusted_proxies`.
const PROXY: &str = "10.0.0.1";
const FRENCH: &str = "2.3.4.5";

fn to(destination: &str) -> Value {
    json!({ "destination": destination })
}

async fn create(editor: &Api, source: &str, destination: &str) -> Response {
    editor.post("/api/redirects", json!({ "source": source, "destination": destination })).await.is(201)
}

#[api_test]
async fn placeholders_match_one_segment() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let created = create(&editor, "/docs/:lang/usage.html", "/docs/:lang/install.html?from=:lang").await;
    assert_eq!(
        (&created.body["kind"], created.header("location")),
        (&json!("wildcard"), "/api/redirects/docs/:lang/usage.html")
    );
    assert_eq!(api.get(created.header("location")).await.is(200).id(), created.id());
    let redirect = api.get("/docs/en/usage.html?x=1").await.is(307);
    assert_eq!(redirect.header("location"), "/docs/en/install.html?from=en&x=1");
    api.get("/docs/en/us/usage.html").await.is(404);
    api.get("/docs/usage.html").await.is(404);
    // In a PUT, and as a name of the JSON map.
    editor.put("/api/redirects/people/:name", to("/team/:name")).await.is(201);
    editor.put("/api/redirects/people/:name", to("/staff/:name")).await.is(200);
    editor.put("/api/redirects/people/:name", to("/team/:name")).await.is(200);
    let rejected = editor.put("/api/redirects/people/:other", to("/crew/:other")).await.is(409);
    let detail = rejected.body["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("the same requests as the redirect /people/:name"), "{detail}");
    assert_eq!(api.get("/people/ada").await.is(307).header("location"), "/team/ada");
    let map = json!({ "/blog/:path*": to("/news/:path*"), "/literal/%3Aid": to("/%3Aid") });
    editor.post("/api/redirect-files/json", map).await.is(201);
    assert_eq!(api.get("/blog/a/b").await.is(307).header("location"), "/news/a/b");
    assert_eq!(api.get("/literal/:id").await.is(307).header("location"), "/%3Aid");
    api.get("/literal/1").await.is(404);
    let literal = editor.get("/api/redirects/literal/%253Aid").await.is(200);
    assert_eq!(literal.body["source"], "/literal/%3Aid");
    for (source, destination, location) in [
        ("/a/:x", "/:y", "#/destination"),
        ("/a/:x/:x", "/b", "#/source"),
        ("/a/:x-:y", "/b", "#/source"),
        ("/:x/posts", "/b", "#/source"),
    ] {
        let new = json!({ "source": source, "destination": destination });
        let response = editor.post("/api/redirects", new).await;
        match source {
            // Broad sources are accepted: operations have precedence.
            "/:x/posts" => drop(response.is(201)),
            _ => assert_eq!(response.is(400).locations(), [location], "{source}"),
        }
    }
}

#[api_test]
async fn a_source_with_a_host_applies_to_this_host() {
    let api = Api::with(&[("redirect_hosts", "www.acme.test"), ("trusted_proxies", "10.0.0.0/8")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let created = create(&editor, "HTTP://Old.Acme.test/*", "https://www.acme.test/:splat").await;
    assert_eq!(created.body["source"], "http://old.acme.test/*");
    assert_eq!(created.header("location"), "/api/redirects/http:%2F%2Fold.acme.test%2F%2A");
    assert_eq!(api.get(created.header("location")).await.is(200).id(), created.id());
    editor.put("/api/redirects/http:%2F%2Fold.acme.test%2F%2A", to("https://www.acme.test/*")).await.is(200);
    // Without a scheme, the key is that of the rule for any scheme.
    let created_by_key = editor.put("/api/redirects/%2F%2Fkey.acme.test%2Fa", to("/b")).await.is(201);
    assert_eq!(created_by_key.body["source"], "https://key.acme.test/a");
    let read = api.get("/api/redirects/https:%2F%2Fkey.acme.test%2Fa").await.is(200);
    assert_eq!(read.id(), created_by_key.id());
    create(&editor, "http://www.acme.test/*", "https://www.acme.test/*").await;
    create(&editor, "https://bücher.test/a", "/b").await;
    for (host, path, expected) in [
        ("old.acme.test", "/a?b=c", "https://www.acme.test/a?b=c"),
        ("OLD.ACME.TEST:80", "/", "https://www.acme.test/"),
        ("www.acme.test", "/a", "https://www.acme.test/a"),
        ("xn--bcher-kva.test", "/a", "/b"),
    ] {
        let redirect = api.header("host", host).get(path).await.is(307);
        assert_eq!(redirect.header("location"), expected, "{host}");
    }
    api.header("host", "other.test").get("/a").await.is(404);
    api.header("host", "old.acme.test").get("/api/tags").await.is(200);
    // The upgrade to https does not redirect a client that uses it.
    let proxied = api.from(PROXY).header("x-forwarded-for", FRENCH).header("host", "www.acme.test");
    proxied.header("x-forwarded-proto", "http").get("/a").await.is(307);
    proxied.header("x-forwarded-proto", "https").get("/a").await.is(404);
    editor.delete(created.header("location")).await.is(204);
    api.header("host", "old.acme.test").get("/a").await.is(404);
}

#[api_test]
async fn query_parameters_are_conditions_and_captures() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let created = create(&editor, "/path?id=:id", "/other/:id").await;
    assert_eq!(created.header("location"), "/api/redirects/path%3Fid=:id");
    assert_eq!(api.get(created.header("location")).await.is(200).id(), created.id());
    editor.put("/api/redirects/path%3Fpage=news", to("/news")).await.is(201);
    editor.put("/api/redirects/path", to("/rest")).await.is(201);
    for (path, location) in [
        ("/path?id=7&x=1", "/other/7?x=1"),
        ("/path?page=news", "/news"),
        ("/path?page=old", "/rest?page=old"),
        ("/path", "/rest"),
        ("/path?id=..%2F..", "/other/..%2F.."),
    ] {
        assert_eq!(api.get(path).await.is(307).header("location"), location, "{path}");
    }
    assert_eq!(editor.get("/api/redirects?q=path").await.is(200).body["pagination"]["total"], 3);
    let repeated = json!({ "source": "/path/?id=:id", "destination": "/x" });
    editor.post("/api/redirects", repeated).await.is(409);
}

#[api_test]
async fn a_language_is_a_condition_and_caches_receive_it_in_vary() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    for (source, destination, permanent) in
        [("/ Language=fr", "/fr", true), ("/ Language=de,de-at", "/de", false), ("/", "/en", true)]
    {
        let new = json!({ "source": source, "destination": destination, "permanent": permanent });
        editor.post("/api/redirects", new).await.is(201);
    }
    for (languages, status, location) in [
        ("fr", 308, "/fr"),
        ("fr-CA, fr;q=0.9, en;q=0.8", 308, "/fr"),
        ("fr;q=0.5, de;q=0.9", 307, "/de"),
        ("fr;q=0, en", 308, "/en"),
        ("en", 308, "/en"),
        ("*", 308, "/fr"),
        ("", 308, "/en"),
    ] {
        let redirect = api.header("accept-language", languages).get("/").await.is(status);
        assert_eq!(redirect.header("location"), location, "{languages}");
        assert!(
            redirect.header("vary").contains("Accept-Language"),
            "{languages}: {}",
            redirect.header("vary")
        );
        let cached = if status == 308 { "public, max-age=3600" } else { "no-store" };
        assert_eq!(redirect.header("cache-control"), cached, "{languages}");
    }
    assert!(api.get("/").await.is(308).header("vary").contains("Accept-Language"));
    // A redirect without this condition does not depend on the header.
    editor.put("/api/redirects/plain", json!({ "destination": "/x", "permanent": true })).await.is(201);
    let redirect = api.header("accept-language", "fr").get("/plain").await.is(308);
    assert!(!redirect.header("vary").contains("Accept-Language"), "{}", redirect.header("vary"));
    // The key of a rule contains its conditions.
    let rule = api.get("/api/redirects/%2F%20Language=fr").await.is(200);
    assert_eq!((&rule.body["source"], &rule.body["destination"]), (&json!("/ Language=fr"), &json!("/fr")));
    editor.delete("/api/redirects/%2F%20Language=fr").await.is(204);
    assert_eq!(api.header("accept-language", "fr").get("/").await.is(308).header("location"), "/en");
}

#[api_test]
async fn a_country_is_a_condition_and_shared_caches_store_no_redirect_that_depends_on_it() {
    let file = File::new(&database(Shape::Flat, &[("2.0.0.0/12", "FR"), ("8.8.0.0/16", "US")]));
    let settings =
        [("geo_database", file.name()), ("trusted_proxies", "10.0.0.0/8"), ("geo_header", "cf-ipcountry")];
    let api = Api::with(&settings).await;
    api.app.geoip.refresh().await;
    let editor = api.sign_in(Role::Editor).await;
    for (source, destination) in [("/shop Country=fr,be", "/boutique"), ("/shop", "/store")] {
        let new = json!({ "source": source, "destination": destination, "permanent": true });
        editor.post("/api/redirects", new).await.is(201);
    }
    let proxied = api.from(PROXY).header("x-forwarded-for", "8.8.8.8");
    for (client, location) in [
        (api.from(FRENCH), "/boutique"),
        (api.from("8.8.8.8"), "/store"),
        (api.from("9.9.9.9"), "/store"),
        // The header counts only if a trusted proxy sends it, and precedes the database.
        (api.from("8.8.8.8").header("cf-ipcountry", "FR"), "/store"),
        (proxied.header("cf-ipcountry", "BE"), "/boutique"),
        (proxied, "/store"),
    ] {
        // Twice, because a cache must not return the response to another client.
        for _ in 0..2 {
            let redirect = client.get("/shop").await.is(308);
            assert_eq!(redirect.header("location"), location);
            assert_eq!(redirect.header("cache-control"), "private, max-age=3600");
            assert!(redirect.header("vary").contains("cf-ipcountry"), "{}", redirect.header("vary"));
            assert_eq!(redirect.header("cache-status"), "");
        }
    }
    // The countries in another order are the same condition.
    editor.delete("/api/redirects/shop%20Country=FR,BE").await.is(204);
    editor.delete("/api/redirects/shop%20Country=BE,FR").await.is(404);
    let redirect = api.from(FRENCH).get("/shop").await.is(308);
    assert_eq!(
        (redirect.header("location"), redirect.header("cache-control")),
        ("/store", "public, max-age=3600")
    );
}

#[api_test]
async fn the_status_303_is_stored_and_sent() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let new = json!({ "source": "/form", "destination": "/thanks", "status": 303 });
    let created = editor.post("/api/redirects", new).await.is(201);
    assert_eq!((&created.body["status"], &created.body["permanent"]), (&json!(303), &json!(false)));
    let redirect = api.post("/form", json!({})).await.is(303);
    assert_eq!((redirect.header("location"), redirect.header("cache-control")), ("/thanks", "no-store"));
    let permanent = json!({ "destination": "/thanks", "status": 308 });
    let replaced = editor.put("/api/redirects/form", permanent).await.is(200);
    assert_eq!((&replaced.body["status"], &replaced.body["permanent"]), (&json!(308), &json!(true)));
    let contradictory = json!({ "destination": "/thanks", "status": 303, "permanent": true });
    let rejected = editor.put("/api/redirects/form", contradictory).await.is(400);
    assert_eq!(rejected.locations(), ["#/permanent"]);
    let unknown = json!({ "destination": "/thanks", "status": 301 });
    assert_eq!(editor.put("/api/redirects/form", unknown).await.is(400).locations(), ["#/status"]);
}

#[api_test]
async fn only_admins_allow_destinations_on_any_host() {
    let api = Api::start().await;
    let (admin, editor) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Editor).await);
    let github = "https://github.com/acme/docs#guides";
    let external = |destination: &str| json!({ "destination": destination, "external": true });
    let rejected = admin.put("/api/redirects/docs", to(github)).await.is(400);
    let message = rejected.body["errors"][0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("redirect_hosts, got github.com") && message.contains("external"), "{message}");
    editor.put("/api/redirects/docs", external(github)).await.is(403);
    let new = json!({ "source": "/docs", "destination": github, "external": true });
    editor.post("/api/redirects", new.clone()).await.is(403);
    let created = admin.post("/api/redirects", new).await.is(201);
    assert_eq!(created.body["external"], true);
    assert_eq!(api.get("/docs").await.is(307).header("location"), github);
    // Editors may change other fields, but not the destination.
    let mut permanent = external(github);
    permanent["permanent"] = json!(true);
    editor.put("/api/redirects/docs", permanent).await.is(200);
    editor.put("/api/redirects/docs", external("https://evil.test/")).await.is(403);
    assert_eq!(api.get("/docs").await.is(308).header("location"), github);
    admin.put("/api/redirects/other", to("/here")).await.is(201);
    admin.put("/api/redirects/other", external("HTTPS://bücher.test/")).await.is(200);
    assert_eq!(api.get("/other").await.is(307).header("location"), "HTTPS://xn--bcher-kva.test/");
    admin.put("/api/redirects/bad", external("//evil.test")).await.is(400);

    let file = json!({ "/a": external("https://evil.test/"), "/b": to("/c") });
    editor.post("/api/redirect-files/json", file.clone()).await.is(403);
    editor.get("/a").await.is(404);
    editor.post("/api/redirect-files/json?external=true", json!({ "/b": to("/c") })).await.is(403);
    admin.post("/api/redirect-files/json", file.clone()).await.is(201);
    // An editor may import a file that does not change it.
    editor.post("/api/redirect-files/json", file).await.is(201);

    let entries = |action: &'static str| {
        let admin = admin.clone();
        async move {
            let list = admin.get(&format!("/api/audit?action={action}")).await.is(200);
            list.body["data"].as_array().cloned().unwrap_or_default()
        }
    };
    let created = entries("redirect.created").await;
    let recorded = json!([{ "field": "external", "to": "true" }]);
    assert!(created.iter().any(|entry| entry["changes"] == recorded), "{created:?}");
    let updated = entries("redirect.updated").await;
    let changed = json!({ "field": "external", "from": "false", "to": "true" });
    let has = |entry: &Value| entry["changes"].as_array().is_some_and(|changes| changes.contains(&changed));
    assert!(updated.iter().any(has), "{updated:?}");
    let imported = entries("redirects.imported").await;
    assert!(imported.iter().any(|entry| entry["changes"] == recorded), "{imported:?}");
}
