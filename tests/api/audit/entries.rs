//! The entries of writes, exports and authentication decisions.
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use tenon::{
    config::Config,
    domain::audit::{AuditAction, AuthFailure},
    http::{auth::Role, problem::Error},
    infra::{audit_log::NewEntry, db::Tx},
};

use super::{DAY, MINUTE, entries, id_of, of_action};
use crate::{
    commands::Sandbox,
    posts::new,
    support::{Api, PASSWORD, START},
};

#[api_test]
async fn a_write_has_an_entry_with_actor_address_and_request_id() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let editor = api.sign_in(Role::Editor).await.from("203.0.113.77");
    let me = editor.get("/api/me").await.is(200);
    let post = editor.header("x-request-id", "req-1").post("/api/posts", new("Joint")).await.is(201);
    let change = json!({ "title": "Tenon", "slug": "tenon", "content": "Another text" });
    editor.patch(&format!("/api/posts/{}", id_of(&post)), change).await.is(200);
    let found = entries(&admin, &format!("resourceId={}", id_of(&post))).await;
    let actions: Vec<&str> = found.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["post.created", "post.published", "post.updated"]);
    let created = &found[0];
    assert_eq!(created["resource"], "posts");
    assert_eq!(created["requestId"], "req-1");
    assert_eq!(created["address"], "203.0.113.0/24");
    assert_eq!(created["count"], 1);
    assert_eq!(
        created["actor"],
        json!({ "kind": "user", "account": me.body["id"], "credential": me.body["session"] })
    );
    // Texts are recorded by name only.
    assert_eq!(
        found[2]["changes"],
        json!([{ "field": "slug", "from": "joint", "to": "tenon" }, { "field": "title" }, { "field": "content" }])
    );
}

#[api_test]
async fn only_admins_read_the_audit_log() {
    let api = Api::start().await;
    for role in [Role::Reader, Role::Author, Role::Editor, Role::Accountant] {
        api.sign_in(role).await.get("/api/audit").await.is(403);
    }
    api.get("/api/audit").await.is(401);
    let admin = api.sign_in(Role::Admin).await;
    let key = json!({ "name": "k", "scopes": ["audit:read"] });
    let key = admin.post("/api/api-keys", key).await.is(201).body["key"].as_str().unwrap().to_owned();
    api.bearer(&key).get("/api/audit").await.is(200);
    let list = admin.get("/api/audit").await.is(200);
    admin.header("if-none-match", list.header("etag")).get("/api/audit").await.is(304);
}

#[api_test]
async fn a_rejected_or_rolled_back_write_has_no_entry() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let post = admin.post("/api/posts", new("One")).await.is(201);
    let path = format!("/api/posts/{}", id_of(&post));
    let before = api.app.db.newest_audit_position().await.unwrap();
    admin.header("if-match", "\"stale\"").patch(&path, json!({ "title": "Two" })).await.is(412);
    admin.patch(&path, json!({ "title": "One" })).await.is(200);
    let rolled_back = api.app.db.write(async |tx: Tx| {
        tx.record(NewEntry::new(AuditAction::JobRetried, "x", START));
        Err::<(), _>(Error::Conflict("rolled back"))
    });
    assert!(rolled_back.await.is_err());
    assert_eq!(api.app.db.newest_audit_position().await.unwrap(), before);
}

#[api_test]
async fn filters_by_account_action_resource_and_time_with_a_cursor() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let editor = api.sign_in(Role::Editor).await;
    let account = editor.get("/api/me").await.is(200).id();
    for number in 0..5 {
        api.clock.advance(MINUTE);
        editor
            .post("/api/posts", json!({ "title": format!("P {number}"), "content": "0123456789" }))
            .await
            .is(201);
    }
    let all = format!("account={account}&action=post.created");
    let found = entries(&admin, &all).await;
    assert_eq!(found.len(), 5);
    let (second, fourth) = (found[1]["at"].as_str().unwrap(), found[3]["at"].as_str().unwrap());
    let between = entries(&admin, &format!("{all}&at[gte]={second}&at[lt]={fourth}")).await;
    assert_eq!(between, found[1..3]);
    assert!(entries(&admin, "resourceId=unknown").await.is_empty());
    let first = admin.get(&format!("/api/audit?limit=2&{all}")).await.is(200).body;
    assert_eq!(first["data"], json!([found[4], found[3]]));
    let after = first["pagination"]["nextCursor"].as_str().unwrap();
    let next = admin.get(&format!("/api/audit?limit=2&{all}&after={after}")).await.is(200).body;
    assert_eq!(next["data"], json!([found[2], found[1]]));
    admin.get(&format!("/api/audit?action=post.deleted&after={after}")).await.is(400);
    let unknown = admin.get("/api/audit?action=post.nonsense").await.is(400);
    assert_eq!(unknown.locations(), ["action"]);
}

#[api_test]
async fn records_sign_in_refresh_reuse_and_sign_out() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let email = api.user(Role::Editor, "Ada").await;
    let login =
        api.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await.is(200).body;
    let account = &login["user"]["id"];
    let refresh = async |token: &Value| api.post("/api/auth/refresh", json!({ "refreshToken": token })).await;
    let next = refresh(&login["refreshToken"]).await.is(200).body;
    api.clock.advance(MINUTE);
    refresh(&login["refreshToken"]).await.is(401);
    refresh(&next["refreshToken"]).await.is(401);
    let created = of_action(&admin, "session.created").await.pop().unwrap();
    assert_eq!((&created["actor"]["kind"], &created["actor"]["account"]), (&json!("user"), account));
    let session = created["resourceId"].clone();
    assert_eq!(created["actor"]["credential"], session);
    let refreshed = of_action(&admin, "session.refreshed").await.pop().unwrap();
    assert_eq!((&refreshed["resourceId"], &refreshed["actor"]["account"]), (&session, account));
    let reused = of_action(&admin, "session.reused").await.pop().unwrap();
    assert_eq!((&reused["resourceId"], &reused["actor"]), (&session, &json!({ "kind": "anonymous" })));
    let failed = of_action(&admin, "auth.failed").await;
    assert_eq!(failed.len(), 1, "the reuse has an entry of its own: {failed:?}");
    assert_eq!((&failed[0]["reason"], &failed[0]["resourceId"]), (&json!("revoked"), account));
    let editor = api.sign_in(Role::Editor).await;
    editor.post_empty("/api/auth/logout").await.is(204);
    assert_eq!(of_action(&admin, "session.revoked").await.len(), 1);
}

#[api_test]
async fn records_rejected_credentials_and_deleted_keys_of_disabled_accounts() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let disable = async |account: &Api| {
        let id = account.get("/api/me").await.is(200).body["id"].as_str().expect("an id").to_owned();
        admin.patch(&format!("/api/users/{id}"), json!({ "status": "disabled" })).await.is(200);
        id
    };
    let ((first, _), (second, email)) = (api.account(Role::Reader).await, api.account(Role::Reader).await);
    first.post("/api/api-keys", json!({ "name": "k", "scopes": ["me:read"] })).await.is(201);
    let ids = [disable(&first).await, disable(&second).await];
    first.get("/api/me").await.is(401);
    api.post("/api/auth/login", json!({ "email": email, "password": PASSWORD })).await.is(401);
    api.clock.advance(16 * 60_000);
    admin.get("/api/me").await.is(401);
    let admin = api.sign_in(Role::Admin).await;
    let failed = of_action(&admin, "auth.failed").await;
    let reasons: Vec<&str> = failed.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["disabled", "disabled", "expired"]);
    assert_eq!(
        ids.each_ref().map(|id| json!(id)),
        [0, 1].map(|entry: usize| failed[entry]["resourceId"].clone())
    );
    let deleted = of_action(&admin, "keys.deleted").await;
    assert_eq!(deleted.len(), 1, "the second account had no key");
    assert_eq!(deleted[0]["resourceId"], ids[0]);
}

#[api_test]
async fn records_the_reason_of_each_failed_authentication() {
    let api = Api::with(&[("rate_limits", "on")]).await;
    let email = api.user(Role::Reader, "Reader").await;
    let admin = api.sign_in(Role::Admin).await;
    let login = async |api: &Api, email: &str| {
        api.post("/api/auth/login", json!({ "email": email, "password": "wrong horse" })).await.status
    };
    assert_eq!(login(&api, &email).await, 401);
    assert_eq!(login(&api, "nobody@acme.test").await, 401);
    for _ in 0..4 {
        assert_eq!(login(&api, &email).await, 401);
    }
    assert_eq!(login(&api, &email).await, 429);
    api.bearer("nonsense").get("/api/me").await.is(401);
    api.bearer(&format!("tenon_{}", "0".repeat(20))).get("/api/me").await.is(401);
    let key = json!({ "name": "k", "scopes": ["posts:read"] });
    let key = admin.post("/api/api-keys", key).await.is(201).body["key"].as_str().unwrap().to_owned();
    let last = if key.ends_with('A') { "E" } else { "A" };
    api.bearer(&format!("{}{last}", &key[..key.len() - 1])).get("/api/me").await.is(401);
    let failed = of_action(&admin, "auth.failed").await;
    let reasons: Vec<&str> = failed.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        ["wrong-password", "unknown-account", "delayed", "malformed", "wrong-secret"],
        "the repetitions are counted"
    );
    let account = admin.get(&format!("/api/users?q={email}")).await.is(200).body["data"][0]["id"].clone();
    assert_eq!(failed[0]["resourceId"], account);
    assert!(failed[1].get("resourceId").is_none());
    let text = json!(failed).to_string();
    assert!(!text.contains("nobody") && !text.contains("wrong horse"), "{text}");
    // The entry of the repetitions follows after the minute.
    api.app.audit.flush_failures(false).await;
    assert_eq!(of_action(&admin, "auth.failed").await.len(), 5);
    api.clock.advance(MINUTE);
    api.app.audit.flush_failures(false).await;
    let repeated = of_action(&admin, "auth.failed").await.split_off(5);
    let counts: Vec<_> = repeated.iter().map(|entry| (&entry["reason"], &entry["count"])).collect();
    assert!(counts.contains(&(&json!("wrong-password"), &json!(4))), "{counts:?}");
}

#[api_test]
async fn failed_authentications_are_bounded() {
    let api = Api::start().await;
    let email = api.user(Role::Reader, "Reader").await;
    let admin = api.sign_in(Role::Admin).await;
    let before = api.app.db.newest_audit_position().await.unwrap();
    for number in 0..1_000 {
        let client = api.bearer("nonsense").from(&format!("10.{}.{}.1", number / 250, number % 250));
        client.get("/api/me").await.is(401);
    }
    // Failures of accounts are recorded nevertheless.
    let login = json!({ "email": email, "password": "wrong horse" });
    api.from("10.0.0.1").post("/api/auth/login", login).await.is(401);
    let last = of_action(&admin, "auth.failed").await.pop().unwrap();
    assert_eq!(last["reason"], "wrong-password");
    api.clock.advance(MINUTE);
    api.app.audit.flush_failures(false).await;
    let written = api.app.db.newest_audit_position().await.unwrap() - before;
    assert_eq!(written, 34, "32 separate failures, that of the account, and one entry for all others");
    let last = of_action(&admin, "auth.failed").await.pop().unwrap();
    assert_eq!((&last["reason"], &last["count"]), (&json!("other"), &json!(968)));
}

#[api_test]
async fn invented_addresses_share_one_entry_when_they_are_rate_limited() {
    let api = Api::with(&[("rate_limits", "on")]).await;
    let admin = api.sign_in(Role::Admin).await;
    let client = api.from("203.0.113.1");
    for number in 0..40 {
        let login = json!({ "email": format!("invented-{number}@acme.test"), "password": "wrong horse" });
        client.post("/api/auth/login", login).await;
    }
    let failed = of_action(&admin, "auth.failed").await;
    let count = |reason: &str| failed.iter().filter(|entry| entry["reason"] == reason).count();
    assert_eq!((count("unknown-account"), count("rate-limited")), (8, 0), "{failed:?}");
    api.clock.advance(MINUTE);
    for number in 0..31 {
        let login = json!({ "email": format!("other-{}@acme.test", number % 6), "password": "wrong horse" });
        client.post("/api/auth/login", login).await;
    }
    for number in 0..5 {
        let login = json!({ "email": format!("invented-{number}@acme.test"), "password": "wrong horse" });
        client.post("/api/auth/login", login).await.is(429);
    }
    let failed = of_action(&admin, "auth.failed").await;
    assert_eq!(failed.iter().filter(|entry| entry["reason"] == "rate-limited").count(), 1, "{failed:?}");
}

/// Creates an API key with the scope `posts:read`. Returns its id and its secret.
async fn api_key(admin: &Api) -> (String, String) {
    let issued = admin.post("/api/api-keys", json!({ "name": "k", "scopes": ["posts:read"] })).await.is(201);
    (issued.id(), issued.body["key"].as_str().expect("a key").to_owned())
}

#[api_test]
async fn parallel_first_requests_of_an_api_key_have_one_entry() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let (id, secret) = api_key(&admin).await;
    let other = api.other_process().await;
    let requests = (0..20).map(|number| {
        let client = if number % 2 == 0 { &api } else { &other };
        let client = client.bearer(&secret).from("203.0.113.1");
        async move { client.get("/api/posts").await.is(200) }
    });
    futures_util::future::join_all(requests).await;
    let found = entries(&admin, &format!("resourceId={id}&action=key.used")).await;
    assert_eq!(found.len(), 1, "{found:?}");
}

#[api_test]
async fn the_entries_of_an_api_key_are_bounded_and_need_an_accepted_request() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let (id, secret) = api_key(&admin).await;
    let used = async || entries(&admin, &format!("resourceId={id}&action=key.used")).await;
    let client = api.bearer(&secret);
    client.from("192.0.2.1").get("/api/v2/customers").await.is(403);
    assert!(used().await.is_empty(), "the key has no scope for customers");
    for number in 0..110 {
        client.from(&format!("10.0.{number}.1")).get("/api/posts").await.is(200);
    }
    let total = admin.get(&format!("/api/audit?resourceId={id}&action=key.used")).await.is(200);
    assert_eq!(total.body["pagination"]["total"], 100);
    admin.delete(&format!("/api/api-keys/{id}")).await.is(204);
    let rows = entity::api_key_address::Entity::find().all(api.app.db.read()).await.unwrap();
    assert!(rows.is_empty(), "{rows:?}");
}

#[api_test]
async fn repetitions_without_a_change_have_no_entry() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let email = api.user(Role::Editor, "Ada").await;
    let login = json!({ "email": email, "password": PASSWORD });
    let token = api.post("/api/auth/login", login).await.is(200).body["refreshToken"].take();
    for _ in 0..3 {
        api.post("/api/auth/refresh", json!({ "refreshToken": token })).await.is(200);
    }
    assert_eq!(of_action(&admin, "session.refreshed").await.len(), 1);
    let post = admin.post("/api/posts", new("One")).await.is(201).id();
    let preview = format!("/api/posts/{post}/preview");
    admin.post_empty(&preview).await.is(201);
    for _ in 0..3 {
        admin.delete(&preview).await.is(204);
    }
    assert_eq!(of_action(&admin, "previews.deleted").await.len(), 1);
}

#[api_test]
async fn records_the_end_of_all_sessions_and_new_signing_keys() {
    let api = Api::start().await;
    let replaced = async |admin: &Api| of_action(admin, "signing-keys.replaced").await.len();
    let admin = api.sign_in(Role::Admin).await;
    assert_eq!(replaced(&admin).await, 0, "the first key replaces no other");
    api.app.sessions.rotate_keys().await.unwrap();
    assert_eq!(replaced(&admin).await, 0, "the key is new");
    api.app.sessions.replace_keys().await.unwrap();
    api.app.sessions.delete_all().await.unwrap();
    api.app.sessions.delete_all().await.unwrap();
    let admin = api.sign_in(Role::Admin).await;
    assert_eq!(replaced(&admin).await, 1);
    let revoked = of_action(&admin, "sessions.revoked").await;
    assert_eq!(revoked.len(), 1, "{revoked:?}");
    assert!(revoked[0].get("resourceId").is_none());
    api.clock.advance(30 * DAY);
    api.app.sessions.rotate_keys().await.unwrap();
    assert_eq!(replaced(&api.sign_in(Role::Admin).await).await, 2);
}

#[api_test]
async fn the_email_address_of_a_customer_is_not_recorded() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let customer =
        json!({ "name": "Acme", "email": "first@customer.test", "imageUrl": "/customers/acme.png" });
    let customer = admin.post("/api/v2/customers", customer).await.is(201).id();
    let email = json!({ "email": "second@customer.test" });
    admin.patch(&format!("/api/v2/customers/{customer}"), email).await.is(200);
    let found = of_action(&admin, "customer.updated").await;
    assert_eq!(found[0]["changes"], json!([{ "field": "email" }]));
}

#[api_test]
async fn records_the_life_of_an_api_key_with_each_new_address() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let key = json!({ "name": "k", "scopes": ["posts:read"] });
    let issued = admin.post("/api/api-keys", key).await.is(201);
    let (id, secret) = (issued.id(), issued.body["key"].as_str().unwrap().to_owned());
    let client = api.bearer(&secret);
    // The second response is from the cache, also for the second address.
    for address in
        ["203.0.113.1", "203.0.113.1", "203.0.113.2", "198.51.100.1", "203.0.113.1", "198.51.100.1"]
    {
        client.from(address).get("/api/posts").await.is(200);
    }
    // Another process has no entries in memory.
    api.second_instance().await.bearer(&secret).from("203.0.113.1").get("/api/posts").await.is(200);
    admin.post_empty(&format!("/api/api-keys/{id}/rotate")).await.is(200);
    admin.delete(&format!("/api/api-keys/{id}")).await.is(204);
    let found = entries(&admin, &format!("resourceId={id}")).await;
    let actions: Vec<_> =
        found.iter().map(|entry| (entry["action"].as_str().unwrap(), entry["address"].as_str())).collect();
    let (one, two) = (Some("203.0.113.0/24"), Some("198.51.100.0/24"));
    assert_eq!(
        actions,
        [
            ("key.created", None),
            ("key.used", one),
            ("key.used", two),
            ("key.rotated", None),
            ("key.deleted", None)
        ]
    );
    assert_eq!(found[1]["actor"]["kind"], "api-key");
    assert_eq!(found[1]["actor"]["credential"], id);
    assert_eq!(found[0]["changes"][0], json!({ "field": "scopes", "to": "[\"posts:read\"]" }));
    assert!(!json!(found).to_string().contains(&secret[6..]));
}

#[api_test]
async fn records_role_changes_and_their_consequences() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let reader = api.sign_in(Role::Reader).await.get("/api/me").await.is(200).id();
    admin
        .patch(&format!("/api/users/{reader}"), json!({ "role": "editor", "password": "another passphrase" }))
        .await
        .is(200);
    let found = entries(&admin, &format!("resourceId={reader}")).await;
    let updated = found.iter().find(|entry| entry["action"] == "user.updated").unwrap();
    assert_eq!(
        updated["changes"],
        json!([{ "field": "role", "from": "reader", "to": "editor" }, { "field": "password" }])
    );
    assert!(found.iter().any(|entry| entry["action"] == "sessions.revoked"), "{found:?}");
    assert!(!json!(found).to_string().contains("argon2"));
}

#[api_test]
async fn records_exports() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    admin.get("/api/v2/invoice-exports/en-us/csv").await.is(200);
    admin.get("/api/redirect-files/csv").await.is(200);
    // A 304 contains no data.
    for format in ["json", "csv", "netlify"] {
        let path = format!("/api/redirect-files/{format}");
        let exported = admin.get(&path).await.is(200);
        let before = of_action(&admin, "redirects.exported").await.len();
        admin.header("if-none-match", exported.header("etag")).get(&path).await.is(304);
        assert_eq!(of_action(&admin, "redirects.exported").await.len(), before, "{format}");
    }
    for (action, count) in [("invoices.exported", 1), ("redirects.exported", 4)] {
        let found = of_action(&admin, action).await;
        assert_eq!(found.len(), count, "{action}");
        assert_eq!(found[0]["actor"]["kind"], "user");
    }
}

#[api_test]
async fn a_start_that_fails_records_no_settings() {
    let sandbox = Sandbox::new();
    let used = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = used.local_addr().expect("an address").to_string();
    let output = sandbox.tenon(&["serve", "--listen", &address]);
    assert!(output.stderr().contains("cannot listen on"), "{output:?}");
    let url = format!("sqlite://{}", sandbox.0.join("data/tenon.db").display());
    let db = tenon::infra::db::Db::open(&url).await.unwrap();
    let rows = entity::audit_setting::Entity::find().all(db.read()).await.unwrap();
    assert!(rows.is_empty(), "{rows:?}");
    db.close().await.unwrap();
}

#[api_test]
async fn records_changed_settings_without_secrets() {
    let api = Api::start().await;
    let admin = api.sign_in(Role::Admin).await;
    let start = async |flags: &[(&'static str, &str)]| {
        let flags: Vec<_> = flags.iter().map(|(name, value)| (*name, Some((*value).to_owned()))).collect();
        let config = Config::read(&flags).expect("the settings are valid");
        api.app.audit.record_settings(&config).await.expect("the settings are stored");
    };
    let secret = |letter: &str| letter.repeat(32);
    let (one, two) = (secret("a"), secret("b"));
    start(&[("webhooks_stripe_secrets", &one)]).await;
    start(&[("webhooks_stripe_secrets", &one)]).await;
    assert!(of_action(&admin, "settings.changed").await.is_empty(), "the first start, and an equal one");
    start(&[("webhooks_stripe_secrets", &two), ("registration", "on"), ("seller_name", "Acme")]).await;
    let found = of_action(&admin, "settings.changed").await;
    assert_eq!(
        found[0]["changes"],
        json!([
            { "field": "registration", "from": "false", "to": "true" },
            { "field": "seller_name", "to": "\"Acme\"" },
            { "field": "webhooks_stripe_secrets" },
        ])
    );
    assert_eq!(found[0]["actor"], json!({ "kind": "system" }));
    let rows = entity::audit_setting::Entity::find().all(api.app.db.read()).await.unwrap();
    assert!(rows.iter().all(|row| !row.value.contains(&two)), "{rows:?}");
}

#[api_test]
async fn writes_json_lines_that_continue_after_a_crash() {
    let sandbox = Sandbox::new();
    let file = sandbox.0.join("audit.jsonl").display().to_string();
    let api = Api::with(&[("audit_output", &file)]).await;
    let admin = api.sign_in(Role::Admin).await;
    let mut lines = api.app.audit.open_output().await.unwrap().expect("an output");
    api.app.audit.write_lines(&mut lines).await.unwrap();
    admin.post("/api/posts", new("One")).await.is(201);
    api.app.audit.write_lines(&mut lines).await.unwrap();
    drop(lines);
    // A crash in the middle of a line.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 20]).unwrap();
    admin.post("/api/posts", new("Two")).await.is(201);
    let mut lines = api.app.audit.open_output().await.unwrap().expect("an output");
    api.app.audit.write_lines(&mut lines).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with('\n'));
    let written: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(written, entries(&admin, "").await);
}

#[api_test]
async fn the_documentation_lists_every_action_and_reason() {
    let page = include_str!("../../../docs/audit.md");
    let actions = AuditAction::ALL.iter().map(|action| action.as_str());
    for name in actions.chain(AuthFailure::ALL.iter().map(|reason| reason.as_str())) {
        assert!(page.contains(&format!("`{name}`")), "docs/audit.md does not list {name}");
    }
}
