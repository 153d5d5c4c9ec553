//! The hash chain, and its verification.
use entity::audit_entry;
use sea_orm::{ConnectionTrait, EntityTrait};
use tenon::{http::auth::Role, infra::db::Tx};

use super::{tamper, verify};
use crate::{
    commands::Sandbox,
    posts::new,
    support::{Api, PASSWORD},
};

#[api_test]
async fn verifies_the_chain_and_names_the_first_broken_entry() {
    let statements = [
        ("UPDATE audit_entries SET action = 'post.deleted' WHERE position = 3", 3),
        ("UPDATE audit_entries SET address = '192.0.2.1' WHERE position = 2", 2),
        ("UPDATE audit_entries SET count = 2 WHERE position = 1", 1),
        ("UPDATE audit_entries SET changes = '[{}]' WHERE position = 4", 4),
        ("DELETE FROM audit_entries WHERE position = 1", 1),
        ("DELETE FROM audit_entries WHERE position = 3", 3),
        ("DELETE FROM audit_entries WHERE position >= 4", 4),
        ("UPDATE audit_entries SET position = 40 WHERE position = 2", 2),
    ];
    for (sql, position) in statements {
        let api = Api::start().await;
        let admin = api.sign_in(Role::Admin).await;
        for title in ["One", "Two"] {
            admin.post("/api/posts", new(title)).await.is(201);
        }
        let verified = verify(&api).await.expect("the chain is complete");
        let newest = api.app.db.newest_audit_position().await.unwrap();
        assert_eq!((verified.entries, verified.position), (newest as u64, newest));
        assert_eq!(verified.hash.len(), 64);
        tamper(&api, sql).await;
        assert_eq!(verify(&api).await.expect_err(sql).position, position, "{sql}");
    }
}

#[api_test]
async fn concurrent_writes_form_one_chain() {
    let api = Api::start().await;
    let editor = api.sign_in(Role::Editor).await;
    let other = api.other_process().await.with_credentials_of(&editor);
    let writes = (0..40).map(|number| {
        let client = if number % 2 == 0 { editor.clone() } else { other.clone() };
        async move { client.post("/api/posts", new(&format!("Number {number}"))).await.is(201) }
    });
    futures_util::future::join_all(writes).await;
    let verified = verify(&api).await.expect("the chain is complete");
    assert!(verified.entries >= 80, "{verified:?}");
}

#[api_test]
async fn commands_record_themselves_and_verify_exits_with_1() {
    let sandbox = Sandbox::new();
    let create = ["user", "create", "--name", "Ada", "--password-stdin", "--email", "ada@acme.test"];
    sandbox.run(&[], PASSWORD, &create);
    let verified = sandbox.tenon(&["audit", "verify"]);
    assert!(verified.stdout.contains(" entries verified; position "), "{verified:?}");
    let url = format!("sqlite://{}", sandbox.0.join("data/tenon.db").display());
    let db = tenon::infra::db::Db::open(&url).await.unwrap();
    let rows = audit_entry::Entity::find().all(db.read()).await.unwrap();
    let created = rows.iter().find(|row| row.action == "user.created").expect("an entry");
    assert_eq!((created.actor, created.actor_name.as_deref()), (audit_entry::ActorKind::Cli, Some("user")));
    let change = db.write(async |tx: Tx| {
        tx.execute_unprepared("UPDATE audit_entries SET account = NULL, actor = 'user'").await.map(|_| ())
    });
    change.await.unwrap();
    db.close().await.unwrap();
    let broken = sandbox.tenon(&["audit", "verify"]);
    assert_eq!(broken.code(), Some(1));
    assert!(broken.stderr().contains("audit entry 1: its hash does not match"), "{broken:?}");
}
