//! Pieces of work, side by side and badly behaved.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DbErr, SqlErr,
    prelude::Uuid,
    sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions},
};
use tenon::infra::{
    db::{Db, Tx},
    db_error,
};
use tokio::{sync::Notify, time::timeout};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writes_at_once_the_good_stay_and_the_bad_go() {
    let db = fresh().await;
    let all = (0..200).map(|number: u32| {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            db.write(async move |tx: Tx| {
                keep(&tx, &format!("{number:03}")).await?;
                match number % 5 {
                    1 => Err(DbErr::Custom("on purpose".into())),
                    2 => panic!("on purpose"),
                    3 => keep(&tx, &format!("{number:03}")).await,
                    _ => Ok(()),
                }
            })
            .await
        })
    });
    let done = futures_util::future::join_all(all).await;
    for (number, done) in done.into_iter().enumerate() {
        let done = done.expect("a panic stays inside");
        assert_eq!(done.is_ok(), matches!(number % 5, 0 | 4), "{number}: {done:?}");
        if number % 5 == 3 {
            let told = done.unwrap_err().sql_err();
            assert!(matches!(told, Some(SqlErr::UniqueConstraintViolation(_))), "{told:?}");
        }
    }
    let good: Vec<String> =
        (0..200).filter(|n| matches!(n % 5, 0 | 4)).map(|number| format!("{number:03}")).collect();
    assert_eq!(names(&db).await, good);
}

#[tokio::test]
async fn a_transaction_that_outlives_its_work_stops_nobody_and_does_nothing() {
    let db = fresh().await;
    let kept: Arc<Mutex<Option<Tx>>> = Arc::default();
    let place = kept.clone();
    let first = db.write(async move |tx: Tx| {
        *place.lock().unwrap() = Some(tx.clone());
        keep(&tx, "first").await
    });
    first.await.unwrap();
    write_one(&db, "second").await.unwrap();
    let leaked = kept.lock().unwrap().take().unwrap();
    let late = timeout(SOON, keep(&leaked, "late")).await.expect("it does not wait");
    assert!(late.is_err());
    drop(leaked);
    write_one(&db, "third").await.unwrap();
    assert_eq!(names(&db).await, ["first", "second", "third"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_in_flight_when_its_work_ends_stops_nobody() {
    let db = fresh().await;
    for _ in 0..20 {
        let _ = db
            .write(async move |tx: Tx| {
                let stray = tx.clone();
                tokio::spawn(async move {
                    for number in 0..50 {
                        let _ = keep(&stray, &format!("stray {number}")).await;
                    }
                });
                tokio::task::yield_now().await;
                Err::<(), _>(DbErr::Custom("on purpose".into()))
            })
            .await;
    }
    write_one(&db, "after").await.unwrap();
    assert_eq!(names(&db).await, ["after"]);
}

#[tokio::test]
async fn whoever_goes_away_stops_nobody() {
    let db = fresh().await;
    for _ in 0..30 {
        let (written, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (signal, resumed) = (written.clone(), resume.clone());
        let gone = db.write(async move |tx: Tx| {
            keep(&tx, "gone").await?;
            signal.notify_one();
            resumed.notified().await;
            Err::<(), _>(DbErr::Custom("on purpose".into()))
        });
        tokio::select! {
            _ = gone => panic!("the write ended before it was cancelled"),
            () = written.notified() => {}
        }
        resume.notify_one();
    }
    write_one(&db, "after").await.unwrap();
    assert_eq!(names(&db).await, ["after"]);
}

#[tokio::test]
async fn nothing_counts_as_written_that_is_not() {
    let db = fresh().await;
    // PostgreSQL undoes a transaction with a failed statement, also when it is told to commit.
    let done = db
        .write(async move |tx: Tx| {
            keep(&tx, "twice").await?;
            let _ = keep(&tx, "twice").await;
            Ok::<_, DbErr>(())
        })
        .await;
    assert_eq!(done.is_ok(), names(&db).await == ["twice"]);
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_all_and_the_next_one_works() {
    let db = fresh().await;
    if !on_sqlite(&db) {
        return;
    }
    let poison = db.write(async move |tx: Tx| {
        tx.execute_unprepared("PRAGMA defer_foreign_keys = ON").await?;
        let nobody = Uuid::now_v7();
        post_of(nobody, "orphan").insert(&*tx).await.map(|_| ())
    });
    let (poisoned, beside) = tokio::join!(poison, write_one(&db, "beside"));
    assert!(poisoned.is_err());
    assert!(beside.is_err());
    assert!(names(&db).await.is_empty());
    write_one(&db, "after").await.unwrap();
    assert_eq!(names(&db).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_holds_too_long_is_busy_and_not_broken() {
    let db = fresh().await;
    write_one(&db, "held").await.unwrap();
    let refused = if on_sqlite(&db) {
        let other = SqliteConnectOptions::new().filename(file(&db).await).busy_timeout(Duration::ZERO);
        let mut other = SqliteConnection::connect_with(&other).await.unwrap();
        let _held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        db.write(async move |tx: Tx| keep(&tx, "waits").await).await
    } else {
        let take =
            async |tx: &Tx| tx.execute_unprepared("SELECT * FROM secrets FOR UPDATE").await.map(|_| ());
        let (taken, wait) = tokio::sync::oneshot::channel();
        let (other, done) = (Db::clone(&db), tokio::sync::Notify::new());
        let (done, ended) = (Arc::new(done), Arc::new(tokio::sync::Notify::new()));
        let (hold, end) = (done.clone(), ended.clone());
        tokio::spawn(async move {
            let held = other.write(async move |tx: Tx| {
                take(&tx).await?;
                let _ = taken.send(());
                hold.notified().await;
                Ok::<_, DbErr>(())
            });
            held.await.unwrap();
            end.notify_one();
        });
        wait.await.unwrap();
        let refused = db.write(async move |tx: Tx| take(&tx).await).await;
        done.notify_one();
        ended.notified().await;
        refused
    };
    let refused = refused.unwrap_err();
    assert!(db_error::is_transient(&refused), "{refused:?}");
    assert!(!db_error::is_transient(&DbErr::Custom("no such column".into())));
    write_one(&db, "after").await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_the_database_ends_takes_nobody_along_later() {
    let db = fresh().await;
    if !on_sqlite(&db) {
        return;
    }
    // What SQLite does by itself when the disk is full.
    let ended = db.write(async move |tx: Tx| {
        tx.execute_unprepared("ROLLBACK").await?;
        Err::<(), _>(DbErr::Custom("the disk is full".into()))
    });
    let (ended, beside) = tokio::join!(ended, write_one(&db, "beside"));
    assert!(ended.is_err());
    assert!(beside.is_err(), "it ran in a transaction that was no more");
    assert!(names(&db).await.is_empty());
    write_one(&db, "one").await.unwrap();
    let other = SqliteConnectOptions::new().filename(file(&db).await).busy_timeout(Duration::ZERO);
    let mut other = SqliteConnection::connect_with(&other).await.unwrap();
    let locked =
        db.write(async move |_: Tx| Ok::<_, DbErr>(other.begin_with("BEGIN IMMEDIATE").await.is_err()));
    assert!(locked.await.unwrap(), "a transaction holds the lock from its beginning");
    write_one(&db, "two").await.unwrap();
    let failing = db.write(async move |tx: Tx| {
        keep(&tx, "three").await?;
        Err::<(), _>(DbErr::Custom("on purpose".into()))
    });
    failing.await.unwrap_err();
    assert_eq!(names(&db).await, ["one", "two"]);
}
