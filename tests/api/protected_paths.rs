//! Paths that redirects cannot cover, and redirect cycles with slugs of posts or with the public URL.
use serde_json::json;
use tenon::{http::auth::Role, resources::content::posts::ImportedPost};

use crate::support::Api;

const PROTECTED_SOURCES: [&str; 10] = [
    "/api/users",
    "/.well-known/jwks.json",
    "/api/v2/invoices/*",
    "/api/v1/invoices",
    "/api/events",
    "/api/health",
    "/api/jobs/*",
    "/api/upstreams/stock/*",
    "/api/webhook-endpoints",
    "/api/webhook-deliveries/*",
];

#[api_test]
async fn rejects_redirects_from_protected_paths() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let to = |source: &str| json!({ "source": source, "destination": "/elsewhere", "permanent": false });
    for source in PROTECTED_SOURCES {
        assert_eq!(
            editor.post("/api/redirects", to(source)).await.is(400).locations(),
            ["#/source"],
            "{source}"
        );
    }
    for source in ["/*/jwks.json", "/api/v1/*"] {
        editor.post("/api/redirects", to(source)).await.is(201);
    }
    api.get("/.well-known/jwks.json").await.is(200);
    api.get("/api/v1/invoices").await.is(401);
    assert_eq!(api.get("/api/v1/revenues").await.is(307).header("location"), "/elsewhere");
}

/// Imports a post with an alias and returns the path of the post.
async fn import_post(api: &Api, author: &str, slug: &str, alias: &str) -> String {
    let post = ImportedPost {
        id: None,
        source: format!("{slug}.md"),
        title: slug.into(),
        content: "Cut the tails first.".into(),
        excerpt: None,
        cover_image: None,
        slug: slug.into(),
        authors: vec![author.parse().unwrap()],
        tags: vec![],
        aliases: vec![alias.into()],
        published_at: Some(api.clock.now()),
    };
    let posts = api.app.posts.clone();
    api.app.db.write(async move |tx| posts.import(&tx, &post, &mut Vec::new()).await).await.unwrap();
    api.app.redirects.refresh().await.unwrap();
    format!("/api/posts/{slug}")
}

#[api_test]
async fn content_that_is_added_later_forms_no_redirect_cycle() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let author = editor.get("/api/me").await.is(200).id();
    let to = |destination: &str| json!({ "destination": destination });
    let rule = |slug: &str| format!("/api/redirects/api/posts/{slug}");

    let now = api.clock.now();
    let destination_of = |path: &str| api.app.redirects.find(path, None, now).map(|found| found.location);

    // An imported post has the alias `/dt`, and a stored rule redirects the path of the post to `/dt`.
    editor.put(&rule("tails"), to("/dt")).await.is(201);
    editor.put(&rule("pins"), to("/dt")).await.is(201);
    let tails = import_post(&api, &author, "tails", "/dt").await;
    assert_eq!(destination_of(&tails).as_deref(), Some("/dt"));
    api.get("/dt").await.is(404);
    editor.delete(&rule("tails")).await.is(204);
    assert_eq!(api.get("/dt").await.is(308).header("location"), tails);

    // The new slug of a post is the source of a stored rule.
    editor.put(&rule("sockets"), to(&tails)).await.is(201);
    let id = api.get(&tails).await.is(200).id();
    let path = format!("/api/posts/{id}");
    editor.patch(&path, json!({ "slug": "pins" })).await.is(200);
    api.app.redirects.refresh().await.unwrap();
    assert_eq!(destination_of("/api/posts/pins").as_deref(), Some("/dt"));
    api.get("/dt").await.is(404);

    // The new slug is the source of a rule that redirects to the former slug, which itself redirects to the new slug.
    editor.delete(&rule("pins")).await.is(204);
    editor.patch(&path, json!({ "slug": "sockets" })).await.is(200);
    api.app.redirects.refresh().await.unwrap();
    assert_eq!(api.get(&tails).await.is(308).header("location"), "/api/posts/sockets");
    api.get("/api/posts/sockets").await.is(200);
    api.get(&rule("sockets")).await.is(404);
    editor.get(&rule("sockets")).await.is(200);
    assert_eq!(api.get("/dt").await.is(308).header("location"), "/api/posts/sockets");
}

#[api_test]
async fn destinations_at_the_public_url_are_internal() {
    let api = Api::with(&[("public_url", "https://api.acme.test")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let to = |destination: &str| json!({ "destination": destination });
    editor.put("/api/redirects/old/*", to("https://api.acme.test/new/*")).await.is(201);
    assert_eq!(api.get("/old/a?b=c").await.is(307).header("location"), "https://api.acme.test/new/a?b=c");
    for (key, destination) in [
        ("new/a", "https://api.acme.test/old/a"),
        ("new", "http://API.acme.test:80/old"),
        ("self", "https://api.acme.test:443/self"),
        ("x", "https://api.acme.test/old/x"),
    ] {
        editor.put(&format!("/api/redirects/{key}"), to(destination)).await.is(409);
    }
    for destination in
        ["https://acme.test/", "https://api.acme.test:8443/", "https://api.acme.test.evil.test/"]
    {
        let rejected = editor.put("/api/redirects/x", to(destination)).await.is(400);
        assert_eq!(rejected.locations(), ["#/destination"], "{destination}");
    }
}
