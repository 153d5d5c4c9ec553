//! The connections for queries are shared between clients.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement};
use tenon::{
    domain::client_key::ClientKey,
    infra::{audit_log::Origin, db::Db},
};
use tokio::{sync::Semaphore, task::JoinSet};
use uuid::Uuid;

use super::support::migrated;

/// More queries than connections.
const SLOW: u32 = 64;

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
    // Each of these runs until a time limit of seconds. There are more of them than connections.
    let (mut slow, started, ended) = (JoinSet::new(), Arc::new(Semaphore::new(0)), Arc::default());
    for _ in 0..SLOW {
        let (db, started, ended) = (db.clone(), started.clone(), Arc::<AtomicUsize>::clone(&ended));
        slow.spawn(async move {
            started.add_permits(1);
            let error = count_to(db, 1, 1 << 40).await.expect_err("stopped after a time limit");
            // Those that wait for a connection have a limit of their own.
            if !matches!(error, DbErr::ConnectionAcquire(_)) {
                ended.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    drop(started.acquire_many(SLOW).await.expect("is open"));
    let other = count_to(db.clone(), 2, 50_000).await;
    assert!(other.is_ok(), "{other:?}");
    assert_eq!(ended.load(Ordering::SeqCst), 0, "the query waited for one of the other client");
    slow.shutdown().await;
}
