//! Access rules: every operation, called with every role, with API keys, and with missing and invalid
//! credentials. The expected result follows from the declaration of the operation, which docs/access.md lists.
use poem::{Body, http::Method};
use sea_orm::Iterable;
use serde_json::json;
use tenon::{
    api::{DOCUMENT, OPERATIONS},
    http::{
        auth::Role,
        operation::{Access, Allowed, Operation},
    },
};

use crate::{
    multipart::{FORM, GIF, form},
    posts::new,
    support::{Api, PASSWORD, Response},
};

/// Operations that reject the example for reasons beyond role and scope, and the reason.
const FURTHER_RULES: &[(&str, &str)] = &[
    ("meUpdate", "a new password needs the current one"),
    ("usersCreate", "only admins by session can choose the role"),
    ("webhookEndpointsCreate", "an API key needs the scopes of the topics"),
];

/// A valid request for an operation, from the examples of the OpenAPI document.
pub struct ExampleRequest {
    pub declared: &'static Operation,
    pub id: &'static str,
    pub method: Method,
    pub path: String,
    pub body: Option<Vec<u8>>,
    pub media_type: Option<String>,
}

/// Returns a request for each operation.
pub fn example_requests() -> Vec<ExampleRequest> {
    OPERATIONS.iter().map(ExampleRequest::new).collect()
}

/// Returns a request for each operation that checks credentials.
fn with_credentials() -> impl Iterator<Item = ExampleRequest> {
    example_requests().into_iter().filter(|request| !request.declared.access().ignores_credentials())
}

impl ExampleRequest {
    fn new(declared: &'static Operation) -> Self {
        let item = &DOCUMENT["paths"][declared.path];
        let mut path = declared.path.to_owned();
        for parameter in item["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default();
            path = path.replace(&format!("{{{name}}}"), parameter["example"].as_str().unwrap_or_default());
        }
        let written = &item[declared.method.as_str().to_lowercase()];
        let content = written["requestBody"]["content"].as_object().and_then(|content| content.iter().next());
        ExampleRequest {
            declared,
            id: declared.id,
            method: declared.method.clone(),
            path,
            body: content.map(|(name, media)| match media["example"].as_str() {
                _ if name == "multipart/form-data" => form(&[("file", Some("dot.gif"), GIF)]),
                Some(text) => text.into(),
                None => media["example"].to_string().into(),
            }),
            media_type: content.map(|(name, _)| match name.as_str() {
                "multipart/form-data" => FORM.to_owned(),
                name => name.to_owned(),
            }),
        }
    }

    /// Adds the media type of the body to a client.
    pub fn typed(&self, client: &Api) -> Api {
        match &self.media_type {
            Some(media_type) => client.header("content-type", media_type),
            None => client.clone(),
        }
    }

    pub async fn send(&self, client: &Api) -> Response {
        let body = self.body.clone().map(Body::from);
        self.typed(client).send(self.method.clone(), &self.path, body).await
    }

    fn has_further_rules(&self) -> bool {
        FURTHER_RULES.iter().any(|(id, _)| *id == self.id)
    }
}

/// The declared access of a role.
#[derive(Debug, PartialEq)]
enum Expected {
    Allowed,
    /// Allowed for own resources.
    Owner,
    Rejected,
}

fn expected(access: Access, role: Role) -> Expected {
    let Access::Authenticated { allowed, .. } = access else { return Expected::Allowed };
    if allowed.contains(&Allowed::All) || allowed.contains(&Allowed::Role(role)) {
        Expected::Allowed
    } else if allowed.iter().any(|group| matches!(group, Allowed::Owner(kind) if kind.is_held_by(role))) {
        Expected::Owner
    } else {
        Expected::Rejected
    }
}

/// Returns whether the dispatcher rejected the role of the caller.
fn is_role_rejected(response: &Response) -> bool {
    let detail = response.body["detail"].as_str().unwrap_or_default();
    response.status == 403 && detail.starts_with("requires another role")
}

#[api_test]
async fn rejects_missing_and_invalid_credentials() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let expired = admin.clone();
    let (signed_out, _) = api.account(Role::Admin).await;
    signed_out.post_empty("/api/auth/logout").await.is(204);
    api.clock.advance(16 * 60 * 1000);
    let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJhZG1pbiJ9.";
    let mut invalid: Vec<(String, Api)> = ["x", "", unsigned, "tenon_x", "Bearer", &"a".repeat(4000)]
        .iter()
        .map(|token| (format!("token {token:.10}"), api.bearer(token)))
        .collect();
    invalid.push(("an expired token".into(), expired));
    invalid.push(("the token of an ended session".into(), signed_out));
    invalid.push(("basic authentication".into(), api.header("authorization", "Basic YTpi")));
    invalid.push((
        "an unknown cookie".into(),
        api.header("cookie", "__Host-session=abc").header("sec-fetch-site", "same-origin"),
    ));
    for request in with_credentials() {
        if matches!(request.declared.access(), Access::Authenticated { .. }) {
            let missing = request.send(&api).await;
            assert_eq!(missing.status, 401, "{} without credentials", request.id);
            assert!(missing.header("www-authenticate").starts_with("Bearer"), "{}", request.id);
        }
        for (name, client) in &invalid {
            assert_eq!(request.send(client).await.status, 401, "{} with {name}", request.id);
        }
    }
}

#[api_test]
async fn rejects_two_authorization_headers() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let (token, other) =
        (admin.header("authorization", "Bearer x"), api.header("authorization", "Basic YTpi"));
    for request in example_requests() {
        for client in [&token, &other.header("authorization", "Basic YTpi")] {
            let rejected = request.send(client).await;
            assert_eq!(
                (rejected.status, &rejected.body["code"]),
                (400, &json!("malformed-request")),
                "{}",
                request.id
            );
        }
    }
}

#[api_test]
async fn public_operations_ignore_credentials() {
    let api = Api::start().await;
    let mut count = 0;
    for request in example_requests() {
        if request.declared.access().ignores_credentials() {
            let (without, invalid) = (request.send(&api).await, request.send(&api.bearer("x")).await);
            assert_eq!(invalid.status, without.status, "{}", request.id);
            count += 1;
        }
    }
    assert!(count > 0);
}

#[api_test]
async fn admits_the_declared_roles_only() {
    let api = Api::with(&[("registration", "on")]).await;
    for role in Role::iter() {
        for request in with_credentials() {
            // A new account each time: one operation can end what the next one needs.
            let response = request.send(&api.sign_in(role).await).await;
            let shown = || format!("{} as {role}: {response:?}", request.id);
            match expected(request.declared.access(), role) {
                Expected::Rejected => assert!(is_role_rejected(&response), "{}", shown()),
                // The example belongs to another account, or it does not exist.
                Expected::Owner => {
                    assert!(response.status != 401 && !is_role_rejected(&response), "{}", shown())
                }
                Expected::Allowed if request.has_further_rules() => {
                    assert!(response.status != 401 && !is_role_rejected(&response), "{}", shown());
                }
                Expected::Allowed => assert!(!matches!(response.status, 401 | 403), "{}", shown()),
            }
        }
    }
}

#[api_test]
async fn admits_anonymous_callers_where_declared() {
    let api = Api::with(&[("registration", "on")]).await;
    for request in with_credentials() {
        let response = request.send(&api).await;
        match request.declared.access() {
            Access::Authenticated { .. } => assert_eq!(response.status, 401, "{}", request.id),
            _ if request.has_further_rules() => assert_ne!(response.status, 401, "{}", request.id),
            _ => assert!(!matches!(response.status, 401 | 403), "{}: {response:?}", request.id),
        }
    }
}

#[api_test]
async fn admits_api_keys_with_the_declared_scope_only() {
    let api = Api::with(&[("registration", "on")]).await;
    let key = async |scope: &str| {
        let new = json!({ "name": "program", "scopes": [scope] });
        let admin = api.sign_in(Role::Admin).await;
        let created = admin.post("/api/api-keys", new).await.is(201).body;
        created["key"].as_str().expect("a key").to_owned()
    };
    for request in with_credentials() {
        let scope = request.declared.scope().map(|scope| scope.0);
        let other_scope =
            if scope.as_deref() == Some("documents:read") { "tags:read" } else { "documents:read" };
        let narrow = request.send(&api.bearer(&key(other_scope).await)).await;
        assert_eq!(narrow.status, 403, "{} with the scope {other_scope}", request.id);
        let Some(scope) = scope else { continue };
        let response = request.send(&api.bearer(&key(&scope).await)).await;
        let is_admitted = match request.has_further_rules() {
            true => response.status != 401,
            false => !matches!(response.status, 401 | 403),
        };
        assert!(is_admitted, "{} with {scope}: {response:?}", request.id);
    }
}

#[api_test]
async fn a_cookie_writes_from_the_same_origin_only() {
    let api = Api::start().await;
    let (_, email) = api.account(Role::Admin).await;
    let login = json!({ "email": email, "password": PASSWORD, "cookie": true });
    let login = api.post("/api/auth/login", login).await.is(200);
    let cookie = login.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let with_cookie = api.header("cookie", &cookie);
    for request in with_credentials().filter(|request| request.id != "sessionsLogout") {
        for (name, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.test"), ("accept", "*/*")]
        {
            let response = request.send(&with_cookie.header(name, value)).await;
            match request.method == Method::GET {
                true => assert!(!matches!(response.status, 401 | 403), "{} with {name}", request.id),
                false => assert_eq!(response.status, 403, "{} with {name}", request.id),
            }
        }
    }
    let same_origin = with_cookie.header("sec-fetch-site", "same-origin");
    same_origin.post("/api/posts", new("From the browser")).await.is(201);
    let logout = same_origin.post_empty("/api/auth/logout").await.is(204);
    assert!(logout.header("set-cookie").contains("Max-Age=0"));
    same_origin.get("/api/me").await.is(401);
}

#[api_test]
async fn only_the_author_and_editors_change_a_post() {
    let api = Api::start().await;
    let (owner, other) = (api.sign_in(Role::Author).await, api.sign_in(Role::Author).await);
    let (reader, accountant) = (api.sign_in(Role::Reader).await, api.sign_in(Role::Accountant).await);
    let (editor, admin) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Admin).await);
    let post = owner.post("/api/posts", new("Mine")).await.is(201).id();
    let path = format!("/api/posts/{post}");
    let before = api.get(&path).await.is(200).body;
    for caller in [&other, &reader, &accountant] {
        caller.put(&path, new("Yours")).await.is(403);
        caller.patch(&path, json!({ "title": "Yours" })).await.is(403);
        caller.delete(&path).await.is(403);
        caller.post_empty(&format!("{path}/preview")).await.is(403);
        caller.delete(&format!("{path}/preview")).await.is(403);
    }
    assert_eq!(api.get(&path).await.is(200).body, before);
    for caller in [&owner, &editor, &admin] {
        caller.patch(&path, json!({ "title": "Ours" })).await.is(200);
        caller.post_empty(&format!("{path}/preview")).await.is(201);
    }
}
