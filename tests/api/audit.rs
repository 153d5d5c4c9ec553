//! The audit log.
mod chain;
mod entries;
mod retention;

use sea_orm::ConnectionTrait;
use serde_json::Value;
use tenon::infra::{
    audit_log::{BrokenChain, Verified},
    db::Tx,
};

use crate::support::{Api, Response};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Returns the entries that match a query, oldest first.
async fn entries(admin: &Api, query: &str) -> Vec<Value> {
    let mut list = admin.get(&format!("/api/audit?limit=50&{query}")).await.is(200).body["data"].take();
    let mut entries = std::mem::take(list.as_array_mut().expect("a list"));
    entries.reverse();
    entries
}

/// Returns the entries of the action, oldest first.
async fn of_action(admin: &Api, action: &str) -> Vec<Value> {
    entries(admin, &format!("action={action}")).await
}

fn id_of(response: &Response) -> &str {
    response.body["id"].as_str().expect("an id")
}

async fn verify(api: &Api) -> Result<Verified, BrokenChain> {
    api.app.db.verify_audit_log().await.expect("the entries are read")
}

/// Changes the database without the service.
async fn tamper(api: &Api, sql: &'static str) {
    let changed = api.app.db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ()));
    changed.await.expect("the statement succeeds");
}
