//! The connections for queries are shared between clients.
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tenon::{
    domain::client_key::ClientKey,
    infra::{audit_log::Origin, db::Db},
};
use tokio::{sync::Notify, task::JoinSet};
use uuid::Uuid;

use super::support::migrated;

/// Runs a query of a client that counts to `count`, which takes longer than a query on the calling thread may.
async fn count_to(db: Db, client: u128, count: i64) -> Result<Option<QueryResult>, DbErr> {
    let client = ClientKey::Account(Uuid::from_u128(client));
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT max(i) FROM n"
    );
    let statement = Statement::from_string(db.read().get_database_backend(), sql);
    let query = async { db.read().query_one_raw(statement).await };
    Origin::request(None, client, "one").scope(query).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_occupy_all_readers() {
    let db = migrated().await;
    // Each of these runs until the time limit of queries, again and again. There are more of them than connections.
    let mut slow = JoinSet::new();
    let failed = Arc::new(Notify::new());
    for _ in 0..64 {
        let (db, failed) = (db.clone(), failed.clone());
        slow.spawn(async move {
            loop {
                assert!(count_to(db.clone(), 1, 1 << 40).await.is_err(), "stopped after the time limit");
                failed.notify_one();
            }
        });
    }
    // The first one fails at its time limit, so that the others of the client have had the time to start.
    failed.notified().await;
    let other = count_to(db.clone(), 2, 50_000).await;
    assert!(other.is_ok(), "{other:?}");
    slow.shutdown().await;
}
