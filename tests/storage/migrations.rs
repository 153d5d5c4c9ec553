//! Steps up and down.
use sea_orm::ConnectionTrait;
use tenon::infra::db::{Db, Tx};

use crate::support::*;

async fn tables(db: &Db) -> Vec<String> {
    let sql = match on_sqlite(db) {
        true => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1",
        false => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
    };
    let statement = sea_orm::Statement::from_string(db.read().get_database_backend(), sql);
    let rows = db.read().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

#[tokio::test]
async fn the_schema_goes_up_down_to_nothing_and_up_again() {
    let db = empty().await;
    assert!(db.ready().await.is_err());
    db.migrate().await.unwrap();
    let made = tables(&db).await;
    assert_eq!(made.len(), 34 + 1, "{made:?}");
    assert!(db.ready().await.is_ok());
    db.migrate().await.unwrap();
    let steps = db.migrations().await.unwrap();
    assert!(steps.iter().all(|(_, taken)| *taken));
    db.rollback(1).await.unwrap();
    assert!(db.ready().await.is_err());
    assert_eq!(db.migrations().await.unwrap().iter().filter(|(_, taken)| *taken).count(), steps.len() - 1);
    db.rollback(steps.len() as u32).await.unwrap();
    assert_eq!(tables(&db).await, ["seaql_migrations"]);
    db.migrate().await.unwrap();
    assert_eq!(tables(&db).await, made);
    Db::clone(&db).close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let db = fresh().await;
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_later', 0)";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    let refused = db.migrate().await.unwrap_err().to_string();
    assert!(refused.contains("m29991231_000001_later of a newer program"), "{refused}");
    let refused = db.rollback(1).await.unwrap_err().to_string();
    assert!(refused.contains("m29991231_000001_later of a newer program"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_programs_that_start_at_once_make_one_schema() {
    let db = empty().await;
    let all = (0..4).map(|_| {
        let db = Db::clone(&db);
        tokio::spawn(async move { db.migrate().await })
    });
    for done in futures_util::future::join_all(all).await {
        done.unwrap().unwrap();
    }
    assert!(db.ready().await.is_ok());
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    let db = empty().await;
    let sql = "CREATE TABLE tags (id integer)";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    db.migrate().await.unwrap_err();
    let left = tables(&db).await;
    assert!(left.iter().all(|name| name == "tags" || name == "seaql_migrations"), "{left:?}");
    let sql = "DROP TABLE tags";
    db.write(async move |tx: Tx| tx.execute_unprepared(sql).await.map(|_| ())).await.unwrap();
    db.migrate().await.unwrap();
}

#[tokio::test]
async fn nobody_else_on_the_machine_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let db = fresh().await;
    if !on_sqlite(&db) {
        return;
    }
    write_one(&db, "key").await.unwrap();
    let file = std::path::PathBuf::from(file(&db).await);
    let folder = file.parent().unwrap();
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 2, "the log stands beside it: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}
