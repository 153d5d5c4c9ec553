//! Concurrent writes, failed writes and locks.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, prelude::Uuid, sqlx::postgres::PgListener};
use tenon::infra::{
    db::{Db, ReadConnection, Tx},
    db_error::{self, Fault},
};
use tokio::{sync::Notify, time::timeout};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_commit_or_roll_back_independently() {
    let db = migrated().await;
    let writes = (0..200).map(|number: u32| {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            db.write(async move |tx: Tx| {
                insert_secret(&tx, &format!("{number:03}")).await?;
                match number % 5 {
                    1 => Err(DbErr::Custom("on purpose".into())),
                    2 => panic!("on purpose"),
                    3 => insert_secret(&tx, &format!("{number:03}")).await,
                    _ => Ok(()),
                }
            })
            .await
        })
    });
    let results = futures_util::future::join_all(writes).await;
    for (number, result) in results.into_iter().enumerate() {
        let result = result.expect("a panic in a write is returned as an error");
        assert_eq!(result.is_ok(), matches!(number % 5, 0 | 4), "{number}: {result:?}");
        if number % 5 == 3 {
            let error = result.unwrap_err();
            assert!(db_error::is_unique_violation(&error), "{error:?}");
        }
    }
    let committed: Vec<String> =
        (0..200).filter(|n| matches!(n % 5, 0 | 4)).map(|number| format!("{number:03}")).collect();
    assert_eq!(secret_names(&db).await, committed);
}

#[tokio::test]
async fn a_leaked_transaction_does_not_block_and_rejects_statements() {
    let db = migrated().await;
    let slot: Arc<Mutex<Option<Tx>>> = Arc::default();
    let slot_in_write = slot.clone();
    let first = db.write(async move |tx: Tx| {
        *slot_in_write.lock().unwrap() = Some(tx.clone());
        insert_secret(&tx, "first").await
    });
    first.await.unwrap();
    write_secret(&db, "second").await.unwrap();
    let leaked = slot.lock().unwrap().take().unwrap();
    let late = timeout(MAX_WAIT, insert_secret(&leaked, "late")).await.expect("the statement does not block");
    assert!(late.is_err());
    drop(leaked);
    write_secret(&db, "third").await.unwrap();
    assert_eq!(secret_names(&db).await, ["first", "second", "third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_does_not_block_after_its_transaction_ended() {
    let db = migrated().await;
    for _ in 0..20 {
        let _ = db
            .write(async move |tx: Tx| {
                let stray = tx.clone();
                tokio::spawn(async move {
                    for number in 0..50 {
                        let _ = insert_secret(&stray, &format!("stray {number}")).await;
                    }
                });
                tokio::task::yield_now().await;
                Err::<(), _>(DbErr::Custom("on purpose".into()))
            })
            .await;
    }
    write_secret(&db, "after").await.unwrap();
    assert_eq!(secret_names(&db).await, ["after"]);
}

#[tokio::test]
async fn a_cancelled_write_does_not_block() {
    let db = migrated().await;
    for _ in 0..30 {
        let (written, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (signal, resumed) = (written.clone(), resume.clone());
        let cancelled = db.write(async move |tx: Tx| {
            insert_secret(&tx, "cancelled").await?;
            signal.notify_one();
            resumed.notified().await;
            Err::<(), _>(DbErr::Custom("on purpose".into()))
        });
        tokio::select! {
            _ = cancelled => panic!("the write ended before it was cancelled"),
            () = written.notified() => {}
        }
        resume.notify_one();
    }
    write_secret(&db, "after").await.unwrap();
    assert_eq!(secret_names(&db).await, ["after"]);
}

#[tokio::test]
async fn reports_a_commit_that_rolls_back() {
    let db = migrated().await;
    // On COMMIT, PostgreSQL rolls back a transaction with a failed statement.
    let result = db
        .write(async move |tx: Tx| {
            insert_secret(&tx, "twice").await?;
            let _ = insert_secret(&tx, "twice").await;
            Ok::<_, DbErr>(())
        })
        .await;
    assert_eq!(result.is_ok(), secret_names(&db).await == ["twice"]);
}

/// Runs two writes in one SQLite transaction: both are queued while the writer runs a third one.
async fn in_one_transaction<A, B>(
    db: &Db,
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let queued = Arc::new(Notify::new());
    let resumed = queued.clone();
    let blocking = db.write(async move |_: Tx| {
        resumed.notified().await;
        Ok::<_, DbErr>(())
    });
    // The futures are polled in this order, and each queues its write when it is polled first.
    let (_, first, second, ()) = tokio::join!(blocking, first, second, async { queued.notify_one() });
    (first, second)
}

#[tokio::test]
async fn a_failed_commit_fails_all_its_writes_and_not_the_next() {
    let db = migrated().await;
    if !on_sqlite(&db) {
        return;
    }
    let invalid = db.write(async move |tx: Tx| {
        tx.execute_unprepared("PRAGMA defer_foreign_keys = ON").await?;
        let unknown_author = Uuid::now_v7();
        post_of(unknown_author, "orphan").insert(&*tx).await.map(|_| ())
    });
    let (invalid, concurrent) = in_one_transaction(&db, invalid, write_secret(&db, "concurrent")).await;
    assert!(invalid.is_err());
    assert!(concurrent.is_err());
    assert!(secret_names(&db).await.is_empty());
    write_secret(&db, "after").await.unwrap();
    assert_eq!(secret_names(&db).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_timeout_is_reported_as_such() {
    let db = migrated().await;
    write_secret(&db, "held").await.unwrap();
    let error = if on_sqlite(&db) {
        let other = rusqlite::Connection::open(file(&db).await).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        db.write(async move |tx: Tx| insert_secret(&tx, "waits").await).await
    } else {
        let lock_rows =
            async |tx: &Tx| tx.execute_unprepared("SELECT * FROM secrets FOR UPDATE").await.map(|_| ());
        let (locked_sender, locked) = tokio::sync::oneshot::channel();
        let other = Db::clone(&db);
        let (release, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (release_receiver, ended_sender) = (release.clone(), ended.clone());
        tokio::spawn(async move {
            let write = other.write(async move |tx: Tx| {
                lock_rows(&tx).await?;
                let _ = locked_sender.send(());
                release_receiver.notified().await;
                Ok::<_, DbErr>(())
            });
            write.await.unwrap();
            ended_sender.notify_one();
        });
        locked.await.unwrap();
        let error = db.write(async move |tx: Tx| lock_rows(&tx).await).await;
        release.notify_one();
        ended.notified().await;
        error
    };
    let error = error.unwrap_err();
    // On SQLite, the transaction does not begin.
    let expected = if on_sqlite(&db) { Fault::Busy } else { Fault::Contention };
    assert_eq!(db_error::fault(&error), expected, "{error:?}");
    assert_eq!(db_error::fault(&DbErr::Custom("no such column".into())), Fault::Other);
    write_secret(&db, "after").await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_ends_does_not_affect_later_writes() {
    let db = migrated().await;
    if !on_sqlite(&db) {
        return;
    }
    // SQLite rolls back the transaction if the disk is full.
    let ended = db.write(async move |tx: Tx| {
        tx.execute_unprepared("ROLLBACK").await?;
        Err::<(), _>(DbErr::Custom("the disk is full".into()))
    });
    let (ended, concurrent) = in_one_transaction(&db, ended, write_secret(&db, "concurrent")).await;
    assert!(ended.is_err());
    assert!(concurrent.is_err(), "a write in an ended transaction succeeded");
    assert!(secret_names(&db).await.is_empty());
    write_secret(&db, "one").await.unwrap();
    let other = rusqlite::Connection::open(file(&db).await).unwrap();
    other.busy_timeout(Duration::ZERO).unwrap();
    let locked = db.write(async move |_: Tx| Ok::<_, DbErr>(other.execute_batch("BEGIN IMMEDIATE").is_err()));
    assert!(locked.await.unwrap(), "a transaction does not hold the lock from its start");
    write_secret(&db, "two").await.unwrap();
    let failing = db.write(async move |tx: Tx| {
        insert_secret(&tx, "three").await?;
        Err::<(), _>(DbErr::Custom("on purpose".into()))
    });
    failing.await.unwrap_err();
    assert_eq!(secret_names(&db).await, ["one", "two"]);
}

#[tokio::test]
async fn postgres_notifies_other_processes_of_a_changed_collection() {
    let db = migrated().await;
    // SQLite has no notifications: other processes poll.
    let ReadConnection::Postgres(readers) = db.read() else { return };
    let mut listener = PgListener::connect_with(readers.pool.get_postgres_connection_pool()).await.unwrap();
    listener.listen("tenon_collections").await.unwrap();
    timeout(MAX_WAIT, db.write(async |tx: Tx| tx.touch("posts").await)).await.unwrap().unwrap();
    let notification = timeout(MAX_WAIT, listener.recv()).await.expect("a notification").unwrap();
    assert_eq!(notification.channel(), "tenon_collections");
}
