//! A lower role, or the end of an account, takes the rights of an owner away. The operations come from their
//! declarations, so that a new resource is tested too.
use poem::{Body, http::Method};
use poem_openapi::types::ParseFromJSON;
use serde_json::{Value, json};
use tenon::{
    api::OPERATIONS,
    domain::id::Id,
    http::{
        auth::{Principal, Role, Via},
        etag::Precondition,
        operation::{Access, Allowed, Operation},
    },
    resources::{
        accounts::api_keys::ApiKeyInput,
        content::posts::{PostKey, PostPatch},
    },
};
use uuid::Uuid;

use crate::{
    access::{ExampleRequest, example_requests},
    events::EventStream,
    multipart::{GIF, upload},
    posts::new,
    support::{Api, PASSWORD, Response},
};

/// A word in all that only the owner and editors may read.
const CANARY: &str = "confidential";

/// The resources of an account that was created as an author.
struct Owner {
    client: Api,
    email: String,
    account: String,
    /// The id of a resource for each path template with this prefix. The first one that matches applies.
    resources: Vec<(&'static str, String)>,
    revision: String,
}

fn draft() -> Value {
    let mut draft = new(CANARY);
    draft["published"] = json!(false);
    draft
}

impl Owner {
    async fn create(api: &Api, channel: &str) -> Owner {
        let (client, email) = api.account(Role::Author).await;
        let account = client.get("/api/me").await.is(200).id();
        let draft_id = client.post("/api/posts", draft()).await.is(201).id();
        let revisions = client.get(&format!("/api/posts/{draft_id}/revisions")).await.is(200).body;
        let revision = revisions["data"][0]["id"].as_str().expect("a revision").to_owned();
        let deleted = client.post("/api/posts", draft()).await.is(201).id();
        client.delete(&format!("/api/posts/{deleted}")).await.is(204);
        let open = client.post("/api/posts", new("Open")).await.is(201).id();
        let thread = format!("/api/posts/{open}/comments");
        let comment = client.post(&thread, json!({ "content": "Mine" })).await.is(201).id();
        let messages = format!("/api/channels/{channel}/messages");
        let message = client.post(&messages, json!({ "text": "Mine" })).await.is(201).id();
        let file = format!("{CANARY}.gif");
        let image = upload(&client, &[("file", Some(&file), GIF)]).await.is(201).id();
        let resources = vec![
            ("/api/posts/{post}/restore", deleted),
            ("/api/posts/{post}", draft_id),
            ("/api/comments/{id}", comment),
            ("/api/messages/{id}", message),
            ("/api/media/{id}", image),
            ("/api/users/{id}", account.clone()),
        ];
        Owner { client, email, account, resources, revision }
    }

    /// Returns the path of the operation for a resource of this account.
    fn path(&self, operation: &Operation) -> Option<String> {
        let (prefix, id) = self.resources.iter().find(|(prefix, _)| operation.path.starts_with(prefix))?;
        let parameter = &prefix[prefix.find('{')?..=prefix.find('}')?];
        Some(operation.path.replace(parameter, id).replace("{revision}", &self.revision))
    }

    async fn call(&self, request: &ExampleRequest) -> Response {
        let path = self.path(request.declared).unwrap_or_else(|| request.path.clone());
        let body = match request.declared.path {
            "/api/posts/{post}" if request.method != Method::DELETE => Some(draft()),
            "/api/comments/{id}" if request.method == Method::PATCH => Some(json!({ "content": "Changed" })),
            "/api/users/{id}" if request.method == Method::PATCH => Some(json!({ "name": "Changed" })),
            _ => None,
        };
        let body = body.map(|body| body.to_string().into_bytes()).or_else(|| request.body.clone());
        let body = body.filter(|_| request.body.is_some());
        request.typed(&self.client).send(request.method.clone(), &path, body.map(Body::from)).await
    }

    /// Signs in again, because a change of the role ends all sessions.
    async fn sign_in(&mut self, api: &Api) {
        let login = json!({ "email": self.email, "password": PASSWORD });
        let login = api.post("/api/auth/login", login).await.is(200);
        self.client = api.bearer(login.body["accessToken"].as_str().expect("a token"));
    }

    /// Returns all resources as an admin reads them.
    async fn state(&self, admin: &Api) -> Vec<Value> {
        let mut state = vec![admin.get("/api/posts?deleted=only&sort=createdAt").await.is(200).body];
        for (prefix, id) in &self.resources[1..] {
            let path = format!("{}{id}", &prefix[..prefix.find('{').unwrap_or_default()]);
            state.push(admin.get(&path).await.is(200).body);
        }
        state
    }
}

async fn change(admin: &Api, account: &str, patch: Value) {
    admin.patch(&format!("/api/users/{account}"), patch).await.is(200);
}

/// Returns whether the declaration admits a role without ownership.
fn admits(operation: &Operation, role: Role) -> bool {
    match operation.access() {
        Access::Authenticated { allowed, .. } => {
            allowed.contains(&Allowed::All) || allowed.contains(&Allowed::Role(role))
        }
        Access::Public | Access::Optional => true,
        Access::Signed(_) => false,
    }
}

fn is_owned(operation: &Operation) -> bool {
    let is_owner = |allowed: &Allowed| matches!(allowed, Allowed::Owner(_));
    matches!(operation.access(), Access::Authenticated { allowed, .. } if allowed.iter().any(is_owner))
}

/// Returns whether a role may create resources like those of the operation: the rule for the rights of an owner.
fn may_create(operation: &Operation, role: Role) -> bool {
    let creates = |other: &&Operation| {
        other.tag == operation.tag
            && other.method == Method::POST
            && !is_owned(other)
            && other.responses.iter().any(|response| response.status == 201)
    };
    let mut creations = OPERATIONS.iter().filter(creates).peekable();
    assert!(creations.peek().is_some(), "{}: no operation creates the resource", operation.id);
    creations.all(|creation| admits(creation, role))
}

async fn channel(admin: &Api) -> String {
    admin.post("/api/channels", json!({ "name": "Workshop", "audience": "public" })).await.is(201).id()
}

#[api_test]
async fn an_owner_with_a_lower_role_changes_only_what_the_role_may_create() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let channel = channel(&admin).await;
    let mut rejected = 0;
    for request in example_requests().iter().filter(|request| is_owned(request.declared)) {
        for role in [Role::Author, Role::Reader, Role::Accountant] {
            let mut owner = Owner::create(&api, &channel).await;
            assert!(owner.path(request.declared).is_some(), "{}: add its resource to `Owner`", request.id);
            if role != Role::Author {
                change(&admin, &owner.account, json!({ "role": role.to_string() })).await;
                owner.sign_in(&api).await;
            }
            let before = owner.state(&admin).await;
            let response = owner.call(request).await;
            let shown = || format!("{} as {role}: {response:?}", request.id);
            if may_create(request.declared, role) {
                assert!(!matches!(response.status, 400..=404), "{}", shown());
            } else {
                assert!(matches!(response.status, 403 | 404), "{}", shown());
                assert_eq!(owner.state(&admin).await, before, "{}", shown());
                rejected += 1;
            }
        }
    }
    assert!(rejected >= 20, "only {rejected} requests were rejected");
}

#[api_test]
async fn an_owner_with_a_lower_role_reads_only_what_is_public() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let mut owner = Owner::create(&api, &channel(&admin).await).await;
    let lists = ["/api/posts?status=any", "/api/posts?status=draft&sort=title", "/api/posts?deleted=only"];
    let canaries = async |owner: &Owner| {
        let mut found = Vec::new();
        let has_canary =
            |response: &Response| String::from_utf8_lossy(&response.bytes).to_lowercase().contains(CANARY);
        for request in example_requests().iter().filter(|request| request.method == Method::GET) {
            if has_canary(&owner.call(request).await) {
                found.push(request.id);
            }
        }
        for list in lists {
            if has_canary(&owner.client.get(list).await.is(200)) {
                found.push(list);
            }
        }
        found
    };
    let of_author = canaries(&owner).await;
    for id in ["postsGet", "postsRevisionsGet", "mediaList", "mediaGet"].iter().chain(&lists) {
        assert!(of_author.contains(id), "{id} is not in {of_author:?}");
    }
    for role in ["reader", "accountant"] {
        change(&admin, &owner.account, json!({ "role": role })).await;
        owner.sign_in(&api).await;
        assert_eq!(canaries(&owner).await, [""; 0], "as {role}");
        let post = admin.post("/api/posts", new("Last")).await.is(201).id();
        let mut stream = EventStream::open(&owner.client, "?after=0&topics=posts&topics=media").await;
        let mut hrefs = Vec::new();
        while !hrefs.iter().any(|href: &String| href.ends_with(&post)) {
            hrefs.push(stream.next().await.data["data"]["href"].as_str().expect("a path").to_owned());
        }
        for (prefix, id) in &owner.resources {
            let is_hidden = !["/api/comments/{id}", "/api/messages/{id}"].contains(prefix);
            assert!(
                !is_hidden || !hrefs.iter().any(|href| href.ends_with(id)),
                "{prefix} as {role}: {hrefs:?}"
            );
        }
    }
    // A comment on the own post is no longer approved without an editor.
    let open = owner.client.get("/api/posts?q=open").await.is(200).body["data"][0]["id"].clone();
    let thread = format!("/api/posts/{}/comments", open.as_str().expect("a post"));
    let comment = owner.client.post(&thread, json!({ "content": "Still mine?" })).await.is(201);
    assert_eq!(comment.body["status"], "pending");
    change(&admin, &owner.account, json!({ "role": "author" })).await;
    owner.sign_in(&api).await;
    assert_eq!(canaries(&owner).await, of_author);
}

/// Creates an account with this role. Returns its client and its id.
async fn account(api: &Api, role: Role) -> (Api, String) {
    let client = api.sign_in(role).await;
    let id = client.get("/api/me").await.is(200).id();
    (client, id)
}

#[api_test]
async fn a_preview_link_ends_with_the_account_or_the_role_of_its_creator() {
    let api = Api::start().await;
    let (admin, author) = (api.sign_in(Role::Admin).await, api.sign_in(Role::Author).await);
    let post = author.post("/api/posts", draft()).await.is(201).id();
    let link = async |creator: &Api, post: &str| {
        let link = creator.post_empty(&format!("/api/posts/{post}/preview")).await.is(201).body;
        let url = link["url"].as_str().expect("an address").to_owned();
        api.get(&url).await.is(200);
        url
    };
    let (lowered, raised) = (json!({ "role": "author" }), json!({ "role": "editor" }));
    let (disabled, enabled) = (json!({ "status": "disabled" }), json!({ "status": "active" }));
    for (loss, return_of_rights) in [(&lowered, &raised), (&disabled, &enabled)] {
        let (editor, id) = account(&api, Role::Editor).await;
        let url = link(&editor, &post).await;
        change(&admin, &id, loss.clone()).await;
        api.get(&url).await.is(404);
        change(&admin, &id, return_of_rights.clone()).await;
        api.get(&url).await.is(404);
    }
    let (editor, id) = account(&api, Role::Editor).await;
    let url = link(&editor, &post).await;
    admin.delete(&format!("/api/users/{id}")).await.is(204);
    api.get(&url).await.is(404);
    let (owner, id) = account(&api, Role::Author).await;
    let own = owner.post("/api/posts", draft()).await.is(201).id();
    let url = link(&owner, &own).await;
    change(&admin, &id, raised).await;
    api.get(&url).await.is(200);
    change(&admin, &id, json!({ "role": "reader" })).await;
    api.get(&url).await.is(404);
}

#[api_test]
async fn api_keys_end_with_the_account_or_the_role_of_their_owner() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    for (role, loss, return_of_rights) in [
        (Role::Author, json!({ "status": "disabled" }), json!({ "status": "active" })),
        (Role::Author, json!({ "role": "reader" }), json!({ "role": "author" })),
        (Role::Author, json!({ "role": "accountant" }), json!({ "role": "author" })),
        (Role::Editor, json!({ "role": "author" }), json!({ "role": "editor" })),
        (Role::Accountant, json!({ "role": "editor" }), json!({ "role": "accountant" })),
        (Role::Admin, json!({ "role": "accountant" }), json!({ "role": "admin" })),
    ] {
        let (owner, id) = account(&api, role).await;
        let key =
            owner.post("/api/api-keys", json!({ "name": "Build", "scopes": ["me:read"] })).await.is(201);
        let program = api.bearer(key.body["key"].as_str().expect("a key"));
        program.get("/api/me").await.is(200);
        change(&admin, &id, loss.clone()).await;
        program.get("/api/me").await.is(401);
        change(&admin, &id, return_of_rights).await;
        program.get("/api/me").await.is(401);
        admin.get(&format!("/api/api-keys/{}", key.id())).await.is(404);
    }
    for (role, higher) in [(Role::Reader, "author"), (Role::Author, "editor"), (Role::Accountant, "admin")] {
        let (owner, id) = account(&api, role).await;
        let key =
            owner.post("/api/api-keys", json!({ "name": "Build", "scopes": ["me:read"] })).await.is(201);
        change(&admin, &id, json!({ "role": higher })).await;
        let me = api.bearer(key.body["key"].as_str().expect("a key")).get("/api/me").await.is(200);
        assert_eq!(me.body["role"], higher);
    }
}

#[api_test]
async fn a_write_fails_if_the_role_changed_since_its_authentication() {
    let api = Api::start().await;
    let (_, id) = account(&api, Role::Author).await;
    let user = id.parse::<Id<()>>().expect("an id").0;
    let create = async |role| {
        let new = ApiKeyInput { name: "Build".into(), scopes: Vec::new(), expires_at: None, expires: None };
        api.app.api_keys.create(&Principal { user, role, via: Via::Cli }, new).await.map(drop)
    };
    let error = create(Role::Editor).await.expect_err("the role of the account is author");
    assert!(format!("{error:?}").contains("its role"), "{error:?}");
    create(Role::Author).await.expect("the role is current");
}

#[api_test]
async fn content_changes_only_with_the_role_of_the_authentication() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let owner = Owner::create(&api, &channel(&admin).await).await;
    change(&admin, &owner.account, json!({ "role": "reader" })).await;
    let before = owner.state(&admin).await;
    let (app, none) = (&api.app, Precondition::default);
    let caller = &Principal { user: uuid(&owner.account), role: Role::Author, via: Via::Cli };
    let id = |prefix: &str| {
        let (_, id) = owner.resources.iter().find(|(template, _)| *template == prefix).expect("a resource");
        uuid(id)
    };
    let post = || PostKey::Id(Id::from(id("/api/posts/{post}")));
    let deleted = PostKey::Id(Id::from(id("/api/posts/{post}/restore")));
    let publish = PostPatch::parse_from_json(Some(json!({ "published": true }))).expect("a patch");
    let revision = Id::from(uuid(&owner.revision));
    for (name, result) in [
        ("update", app.posts.update(caller, post(), publish, none()).await.map(drop)),
        ("delete", app.posts.delete(caller, post(), none()).await),
        ("restore", app.posts.restore(caller, deleted).await.map(drop)),
        ("restore a revision", app.posts.restore_revision(caller, post(), revision, none()).await.map(drop)),
        ("delete the previews", app.posts.delete_previews(caller, post()).await),
        ("delete an image", app.media.delete(caller, Id::from(id("/api/media/{id}")), none()).await),
        ("delete a comment", app.comments.delete(caller, Id::from(id("/api/comments/{id}")), none()).await),
        ("delete a message", app.messages.delete(caller, Id::from(id("/api/messages/{id}")), none()).await),
    ] {
        let error = result.expect_err(name);
        assert!(format!("{error:?}").contains("its role"), "{name}: {error:?}");
    }
    assert_eq!(owner.state(&admin).await, before);
}

fn uuid(text: &str) -> Uuid {
    text.parse().expect("an id")
}

#[api_test]
async fn events_of_comments_follow_the_post_when_they_are_sent() {
    let api = Api::start().await;
    let (editor, author) = (api.sign_in(Role::Editor).await, api.sign_in(Role::Author).await);
    let (reader, other) = (api.sign_in(Role::Reader).await, api.sign_in(Role::Author).await);
    let post = format!("/api/posts/{}", author.post("/api/posts", new("Open")).await.is(201).id());
    let thread = format!("{post}/comments");
    let approved = author.post(&thread, json!({ "content": "Mine" })).await.is(201).id();
    let pending = reader.post(&thread, json!({ "content": "Ours" })).await.is(201).id();
    let marker = format!("/api/posts/{}/comments", other.post("/api/posts", new("Other")).await.is(201).id());
    // Replays the events about comments, up to a new comment on another post.
    let replay = async |client: &Api| {
        let last = other.post(&marker, json!({ "content": "Last" })).await.is(201).id();
        let mut stream = EventStream::open(client, "?after=0&topics=comments").await;
        let mut ids = Vec::new();
        loop {
            let id = stream.next().await.data["data"]["id"].as_str().expect("an id").to_owned();
            if id == last {
                return ids;
            }
            if id == approved || id == pending {
                ids.push(id);
            }
        }
    };
    let both = vec![approved.clone(), pending.clone()];
    assert_eq!(replay(&api).await, [approved.as_str()]);
    assert_eq!(replay(&reader).await, both);
    author.patch(&post, json!({ "published": false })).await.is(200);
    for client in [&api, &reader, &other] {
        assert_eq!(replay(client).await, [""; 0]);
    }
    assert_eq!(replay(&author).await, [approved.as_str()]);
    assert_eq!(replay(&editor).await, both);
    // The same rule applies to live events.
    let query = "?topics=comments";
    let (mut public, mut own) =
        (EventStream::open(&api, query).await, EventStream::open(&author, query).await);
    editor.patch(&format!("/api/comments/{pending}"), json!({ "status": "approved" })).await.is(200);
    editor.delete(&format!("/api/comments/{approved}")).await.is(204);
    other.post(&marker, json!({ "content": "Last" })).await.is(201);
    assert_eq!(own.names(3).await, ["comment.updated", "comment.deleted", "comment.created"]);
    assert_eq!(public.names(1).await, ["comment.created"]);
    author.delete(&post).await.is(204);
    assert_eq!(replay(&editor).await, [""; 0]);
    author.post_empty(&format!("{post}/restore")).await.is(200);
    author.patch(&post, json!({ "published": true })).await.is(200);
    // The creation, the approval and the deletion. The creation of the other comment remains hidden.
    assert_eq!(replay(&api).await, [approved.clone(), pending, approved]);
}

#[api_test]
async fn a_slow_body_does_not_extend_the_rights_of_a_role() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let document = json!({ "path": "slow", "title": "Slow", "content": "Slow" }).to_string();
    for (role, status) in [("editor", 201), ("reader", 401)] {
        let (editor, id) = account(&api, Role::Editor).await;
        let (admin, document) = (admin.clone(), document.replace("slow", role));
        let body = futures_util::stream::once(async move {
            change(&admin, &id, json!({ "role": role })).await;
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
            Ok::<_, std::io::Error>(document.into_bytes())
        });
        let client = editor.header("content-type", "application/json");
        let sent = client.send(Method::POST, "/api/documents", Some(Body::from_bytes_stream(body))).await;
        assert_eq!(sent.status, status, "{role}: {sent:?}");
    }
}
