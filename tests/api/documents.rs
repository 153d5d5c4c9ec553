//! Documents by id: create, read, update, move and delete.
use serde_json::{Value, json};
use tenon::http::auth::Role;

use crate::support::Api;

fn document(path: &str, title: &str) -> Value {
    json!({ "path": path, "title": title, "content": "Cut to fit." })
}

#[api_test]
async fn documents_are_created_read_replaced_updated_and_deleted_by_id() {
    let api = Api::start().await;
    let (editor, author) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    author.post("/api/documents", document("guides", "Guides")).await.is(403);
    let created = editor.post("/api/documents", document("guides", "  Guides ")).await.is(201);
    let path = format!("/api/documents/{}", created.id());
    assert_eq!(created.header("location"), path);
    assert_eq!((&created.body["title"], &created.body["position"]), (&json!("Guides"), &json!(0)));
    let read = api.get(&path).await.is(200);
    assert_eq!(read.body, api.get("/api/docs/guides").await.is(200).body);
    api.header("if-none-match", read.header("etag")).get(&path).await.is(304);

    let stale = editor.header("if-match", "\"x\"");
    stale.put(&path, document("guides", "Other")).await.is(412);
    stale.patch(&path, json!({ "title": "Other" })).await.is(412);
    stale.delete(&path).await.is(412);
    author.patch(&path, json!({ "title": "Other" })).await.is(403);

    let conditional = editor.header("if-match", read.header("etag"));
    let patched = conditional.patch(&path, json!({ "content": "Longer.", "position": 3 })).await.is(200);
    assert_eq!(patched.body["title"], "Guides");
    assert_eq!(patched.body["position"], 3);
    let same = editor.patch(&path, json!({ "position": 3 })).await.is(200);
    assert_eq!(same.header("etag"), patched.header("etag"), "nothing changed");
    editor.patch(&path, json!({ "title": null })).await.is(400);
    editor.put(&path, json!({ "title": "No path", "content": "" })).await.is(400);
    let replaced = editor.put(&path, document("guides", "Guides")).await.is(200);
    assert_eq!(replaced.body["position"], 0, "omitted fields get their defaults");
    editor.header("prefer", "return=minimal").patch(&path, json!({ "position": 4 })).await.is(204);
    let revisions = editor.get(&format!("{path}/revisions")).await.is(200);
    assert_eq!(revisions.body["pagination"]["total"], 4);

    author.delete(&path).await.is(403);
    editor.delete(&path).await.is(204);
    api.get(&path).await.is(404);
    editor.patch(&path, json!({ "position": 5 })).await.is(404);
    editor.delete(&path).await.is(404);
    editor.post_empty(&format!("{path}/restore")).await.is(200);
    assert_eq!(api.get("/api/docs/guides").await.is(200).id(), created.id());
}

#[api_test]
async fn a_service_can_require_if_match_for_documents() {
    let api = Api::with(&[("require_if_match", "on")]).await;
    let editor = api.sign_in(Role::Editor).await;
    let created = editor.post("/api/documents", document("guides", "Guides")).await.is(201);
    let path = format!("/api/documents/{}", created.id());
    editor.put(&path, document("guides", "Other")).await.is(428);
    editor.patch(&path, json!({ "title": "Other" })).await.is(428);
    editor.delete(&path).await.is(428);
    let conditional = editor.header("if-match", created.header("etag")).header("prefer", "return=minimal");
    conditional.put(&path, document("guides", "Other")).await.is(204);
}

#[api_test]
async fn a_repeated_create_returns_the_stored_response() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let idempotent = editor.header("idempotency-key", "create-guides");
    let first = idempotent.post("/api/documents", document("guides", "Guides")).await.is(201);
    let second = idempotent.post("/api/documents", document("guides", "Guides")).await.is(201);
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.body, first.body);
    idempotent.post("/api/documents", document("guides", "Other")).await.is(422);
    assert_eq!(api.get("/api/documents").await.is(200).body["pagination"]["total"], 1);
}

#[api_test]
async fn rejects_an_existing_path_and_invalid_paths() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    editor.post("/api/documents", document("guides", "Guides")).await.is(201);
    let other = editor.post("/api/documents", document("other", "Other")).await.is(201).id();
    let path = format!("/api/documents/{other}");
    for rejected in [
        editor.post("/api/documents", document("guides", "Again")).await,
        editor.put(&path, document("guides", "Other")).await,
        editor.patch(&path, json!({ "path": "guides" })).await,
    ] {
        let rejected = rejected.is(409);
        assert_eq!(rejected.body["code"], "already-exists");
        assert_eq!(rejected.locations(), ["#/path"]);
    }
    editor.delete("/api/docs/guides").await.is(204);
    editor.patch(&path, json!({ "path": "guides" })).await.is(200);
    for invalid in ["", "/a", "a/", "a//b", "A", "a/../b", "a b", &["a"; 11].join("/")] {
        editor.post("/api/documents", document(invalid, "x")).await.is(400);
        editor.patch(&path, json!({ "path": invalid })).await.is(400);
    }
}

#[api_test]
async fn an_update_of_the_path_moves_one_document_without_its_descendants() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let parent = editor.post("/api/documents", document("guides", "Guides")).await.is(201);
    editor.post("/api/documents", document("guides/start", "Start")).await.is(201);
    let path = format!("/api/documents/{}", parent.id());
    let list = api.get("/api/documents").await.is(200).header("etag").to_owned();
    api.header("if-none-match", &list).get("/api/documents").await.is(304);
    let moved = editor.patch(&path, json!({ "path": "handbook" })).await.is(200);
    assert_eq!((moved.id(), &moved.body["path"]), (parent.id(), &json!("handbook")));
    assert_ne!(moved.header("etag"), parent.header("etag"));
    api.header("if-none-match", &list).get("/api/documents").await.is(200);
    api.get("/api/docs/guides").await.is(404);
    assert_eq!(api.get("/api/docs/handbook").await.is(200).id(), parent.id());
    api.get("/api/docs/guides/start").await.is(200);
    assert_eq!(api.get("/api/documents?prefix=guides").await.is(200).body["pagination"]["total"], 1);

    let revisions = editor.get(&format!("{path}/revisions")).await.is(200);
    let [newest, first] = [0, 1].map(|i| revisions.body["data"][i]["id"].as_str().unwrap().to_owned());
    let diff = editor.get(&format!("{path}/revisions/{newest}/diff")).await.is(200);
    assert!(diff.body.to_string().contains("handbook"), "{:?}", diff.body);
    editor.put(&path, document("handbook", "Handbook")).await.is(200);
    let restored = editor.post_empty(&format!("{path}/revisions/{first}/restore")).await.is(200);
    assert_eq!(restored.body["path"], "handbook", "a restored revision retains the path");
    assert_eq!(restored.body["title"], "Guides");
}

#[api_test]
async fn one_of_several_concurrent_writes_to_a_path_succeeds() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let mut paths = Vec::new();
    for name in ["a", "b"] {
        let id = editor.post("/api/documents", document(name, name)).await.is(201).id();
        paths.push(format!("/api/documents/{id}"));
    }
    let (path_c, new) = (json!({ "path": "c" }), document("c", "C"));
    let (first, second, third) = tokio::join!(
        editor.patch(&paths[0], path_c.clone()),
        editor.patch(&paths[1], path_c.clone()),
        editor.post("/api/documents", new)
    );
    let mut statuses = [first.status, second.status, third.status];
    statuses.sort_unstable();
    assert!(matches!(statuses, [200 | 201, 409, 409]), "{statuses:?}");
}
