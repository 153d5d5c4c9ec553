//! The retention of the audit log.
use entity::audit_entry;
use sea_orm::{EntityTrait, QueryOrder};
use tenon::{domain::audit::AuditAction, http::auth::Role, infra::audit_log::NewEntry};

use super::{DAY, tamper, verify};
use crate::{
    posts::new,
    support::{Api, START},
};

#[api_test]
async fn the_retention_deletes_from_the_front_and_keeps_the_chain_verifiable() {
    let api = Api::with(&[("audit_retention_days", "30")]).await;
    let admin = api.sign_in(Role::Admin).await;
    admin.post("/api/posts", new("Old")).await.is(201);
    let old = api.app.db.newest_audit_position().await.unwrap();
    api.clock.advance(20 * DAY);
    let login = api.sign_in(Role::Admin).await;
    login.post("/api/posts", new("New")).await.is(201);
    api.clock.advance(10 * DAY + 1);
    api.app.audit.delete_expired().await.unwrap();
    let rows = audit_entry::Entity::find().order_by_asc(audit_entry::Column::Position);
    let rows = rows.all(api.app.db.read()).await.unwrap();
    assert_eq!(rows[0].position, old + 1);
    let verified = verify(&api).await.expect("the chain is complete");
    assert_eq!(verified.entries, rows.len() as u64);
    tamper(&api, "UPDATE audit_chain SET anchor_hash = hash").await;
    assert_eq!(verify(&api).await.unwrap_err().position, old + 1);
    // Also without any entry.
    tamper(&api, "UPDATE audit_entries SET at = 0").await;
    api.app.audit.delete_expired().await.unwrap();
    assert_eq!(verify(&api).await.expect("an empty log is complete").entries, 0);
}

#[api_test]
async fn concurrent_runs_of_the_retention_keep_the_chain_verifiable() {
    let api = Api::with(&[("audit_retention_days", "30")]).await;
    let other = api.other_process().await;
    for at in [START, START + DAY] {
        let entry = |number: i32| NewEntry::new(AuditAction::JobRetried, number, at);
        api.app.db.record((0..2500).map(entry).collect()).await.unwrap();
    }
    api.clock.advance(30 * DAY + 1);
    let (one, two) =
        futures_util::future::join(api.app.audit.delete_expired(), other.app.audit.delete_expired()).await;
    one.and(two).unwrap();
    assert_eq!(verify(&api).await.expect("the chain is complete").entries, 2500);
}
