//! Who may do what: every operation, asked as everybody who may come, with good, missing and bad credentials.
mod table;

use poem::{Body, http::Method};
use sea_orm::Iterable;
use serde_json::json;
use tenon::http::auth::Role;

use table::ACCESS;

use crate::{
    multipart::{FORM, GIF, form},
    posts::new,
    support::{Answer, Api, PASSWORD},
};

pub struct Operation {
    pub id: &'static str,
    allow: Vec<&'static str>,
    credentials: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Option<Vec<u8>>,
    pub media: Option<String>,
    scope: String,
}

/// The document's operations, each with its row and with the document's own examples to send.
pub fn operations() -> Vec<Operation> {
    let mut found = Vec::new();
    for (template, item) in tenon::api::DOCUMENT["paths"].as_object().into_iter().flatten() {
        for (verb, written) in
            item.as_object().into_iter().flatten().filter(|(verb, _)| *verb != "parameters")
        {
            let id = written["operationId"].as_str().expect("an id");
            let row = ACCESS.iter().find(|row| row.0 == id);
            let row = row.unwrap_or_else(|| panic!("{id} has no row in ACCESS"));
            let mut path = template.clone();
            for parameter in item["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap_or_default();
                path =
                    path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap_or_default());
            }
            let content =
                written["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
            let key = written["security"]
                .as_array()
                .into_iter()
                .flatten()
                .find_map(|way| way["api_key"][0].as_str());
            found.push(Operation {
                id: row.0,
                allow: row.1.split(',').collect(),
                credentials: row.2,
                method: Method::from_bytes(verb.to_uppercase().as_bytes()).expect("a method"),
                path,
                body: content.map(|(name, media)| match media["example"].as_str() {
                    _ if name == "multipart/form-data" => form(&[("file", Some("dot.gif"), GIF)]),
                    Some(text) => text.into(),
                    None => media["example"].to_string().into(),
                }),
                media: content.map(|(name, _)| match name.as_str() {
                    "multipart/form-data" => FORM.to_owned(),
                    name => name.to_owned(),
                }),
                scope: key.unwrap_or("posts:read").to_owned(),
            });
        }
    }
    found
}

impl Operation {
    pub async fn ask(&self, who: &Api) -> Answer {
        let who = match &self.media {
            Some(media) => who.header("content-type", media),
            None => who.clone(),
        };
        who.send(self.method.clone(), &self.path, self.body.clone().map(Body::from)).await
    }

    pub fn changes(&self) -> bool {
        self.method != Method::GET
    }

    fn admits(&self, role: Role) -> bool {
        let words = ["anonymous", "authenticated", "owner"];
        self.allow.iter().any(|word| words.contains(word) || **word == role.to_string())
    }
}

#[test]
fn the_table_and_the_document_say_the_same() {
    for (template, item) in tenon::api::DOCUMENT["paths"].as_object().into_iter().flatten() {
        for (_, written) in item.as_object().into_iter().flatten().filter(|(verb, _)| *verb != "parameters") {
            let id = written["operationId"].as_str().expect("an id");
            let row = ACCESS
                .iter()
                .find(|row| row.0 == id)
                .unwrap_or_else(|| panic!("{template}: {id} has no row"));
            let allow: Vec<&str> = row.1.split(',').collect();
            assert_eq!(written["x-authz"]["allow"], json!(allow), "{id}");
            let ways = written["security"].as_array().expect("security");
            let keys = ways.iter().any(|way| way.get("api_key").is_some());
            let signed = ways.iter().all(|way| {
                way.as_object()
                    .is_some_and(|way| way.keys().next().is_some_and(|name| name.ends_with("_signature")))
            });
            let open = signed || ways == &[json!({})];
            assert_eq!((row.2 == "keys", row.2 == "open"), (keys, open), "{id}");
        }
    }
    assert_eq!(ACCESS.len(), operations().len(), "a row has no operation any more");
}

#[tokio::test]
async fn nobody_gets_in_without_a_good_credential() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let expired = admin.clone();
    let (ended, _) = api.account(Role::Admin).await;
    ended.post_empty("/api/auth/logout").await.is(204);
    api.clock.advance(16 * 60 * 1000);
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhZG1pbiJ9.";
    let mut bad: Vec<(String, Api)> = ["x", "", none, "tenon_x", "Bearer", &"a".repeat(4000)]
        .iter()
        .map(|token| (format!("token {:.10}", token), api.bearer(token)))
        .collect();
    bad.push(("expired".into(), expired));
    bad.push(("signed out".into(), ended));
    bad.push(("basic".into(), api.header("authorization", "Basic YTpi")));
    bad.push((
        "cookie".into(),
        api.header("cookie", "__Host-session=abc").header("sec-fetch-site", "same-origin"),
    ));
    for operation in operations().iter().filter(|operation| operation.credentials != "open") {
        let missing = operation.ask(&api).await;
        let public = operation.allow.contains(&"anonymous");
        if !public {
            assert_eq!(missing.status, 401, "{} without a credential", operation.id);
            assert!(missing.header("www-authenticate").starts_with("Bearer"), "{}", operation.id);
        }
        for (name, who) in &bad {
            let answer = operation.ask(who).await;
            assert_eq!(answer.status, 401, "{} with {name}", operation.id);
        }
    }
}

#[tokio::test]
async fn each_role_gets_in_where_it_belongs_and_nowhere_else() {
    let api = Api::with(&[("registration", "on")]).await;
    for role in Role::iter() {
        for operation in operations().iter().filter(|operation| operation.credentials != "open") {
            // Each with an account of its own: one operation may end what the next one needs.
            let who = api.sign_in(role).await;
            let answer = operation.ask(&who).await;
            match operation.admits(role) {
                true => {
                    let own = operation.id == "usersCreate" || operation.id == "meUpdate";
                    // The post of the example belongs to the author that created it.
                    let detail = answer.body["detail"].as_str().unwrap_or_default();
                    let own = own || detail.starts_with("only the author and editors");
                    let let_in = !matches!(answer.status, 401 | 403) || own;
                    assert!(let_in, "{} as {role}: {answer:?}", operation.id);
                }
                false => assert_eq!(answer.status, 403, "{} as {role}", operation.id),
            }
        }
    }
}

#[tokio::test]
async fn an_api_key_does_what_its_scopes_say() {
    let api = Api::with(&[("registration", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let key = |scope: String| {
        let admin = admin.clone();
        async move {
            let new = json!({ "name": "program", "scopes": [scope] });
            let made = admin.post("/api/api-keys", new).await.is(201).body;
            made["key"].as_str().expect("a key").to_owned()
        }
    };
    for operation in operations().iter().filter(|operation| operation.credentials != "open") {
        let good = api.bearer(&key(operation.scope.clone()).await);
        let other = if operation.scope == "documents:read" { "tags:read" } else { "documents:read" };
        let narrow = api.bearer(&key(other.to_owned()).await);
        let (let_in, kept_out) = (operation.ask(&good).await, operation.ask(&narrow).await);
        assert_eq!(kept_out.status, 403, "{} with another scope", operation.id);
        match operation.credentials {
            // They ask for more: who may give away roles, and scopes of what an endpoint is told.
            "keys" if ["usersCreate", "webhookEndpointsCreate"].contains(&operation.id) => {}
            "keys" => assert!(!matches!(let_in.status, 401 | 403), "{}: {let_in:?}", operation.id),
            _ => assert_eq!(let_in.status, 403, "{} with a key", operation.id),
        }
    }
}

#[tokio::test]
async fn a_cookie_writes_only_from_the_own_site() {
    let api = Api::start().await;
    let (_, email) = api.account(Role::Admin).await;
    let login = json!({ "email": email, "password": PASSWORD, "cookie": true });
    let login = api.post("/api/auth/login", login).await.is(200);
    let cookie = login.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let with_cookie = api.header("cookie", &cookie);
    for operation in operations().iter().filter(|operation| operation.credentials != "open") {
        if operation.id == "sessionsLogout" {
            continue;
        }
        for (name, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test"), ("accept", "*/*")]
        {
            let answer = operation.ask(&with_cookie.header(name, value)).await;
            match operation.changes() {
                true => assert_eq!(answer.status, 403, "{} with {name}", operation.id),
                false => assert!(!matches!(answer.status, 401 | 403), "{} with {name}", operation.id),
            }
        }
    }
    let own = with_cookie.header("sec-fetch-site", "same-origin");
    own.post("/api/posts", new("From the browser")).await.is(201);
    let out = own.post_empty("/api/auth/logout").await.is(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    own.get("/api/me").await.is(401);
}

#[tokio::test]
async fn what_is_somebody_elses_stays_as_it_is() {
    let api = Api::start().await;
    let (owner, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let (reader, accountant) = (api.sign_in(Role::Reader).await, api.sign_in(Role::Accountant).await);
    let (editor, admin) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let post = owner.post("/api/posts", new("Mine")).await.is(201).id();
    let path = format!("/api/posts/{post}");
    let before = api.get(&path).await.is(200).body;
    for stranger in [&other, &reader, &accountant] {
        stranger.put(&path, new("Yours")).await.is(403);
        stranger.patch(&path, json!({ "title": "Yours" })).await.is(403);
        stranger.delete(&path).await.is(403);
        stranger.post_empty(&format!("{path}/preview")).await.is(403);
        stranger.delete(&format!("{path}/preview")).await.is(403);
    }
    assert_eq!(api.get(&path).await.is(200).body, before);
    for friend in [&owner, &editor, &admin] {
        friend.patch(&path, json!({ "title": "Ours" })).await.is(200);
        friend.post_empty(&format!("{path}/preview")).await.is(201);
    }
}
