use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use entity::invoice::InvoiceStatus;
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryResult, Statement};
use uuid::Uuid;

use super::{
    Access, Database, MAX_QUERY, Readers, SharedConnection, error::query_error, readers::SLOW_QUERIES,
};
use crate::domain::client_key::ClientKey;
use crate::infra::{
    audit_log::Origin,
    db_error::{Fault, fault},
    notify::ChangeNotifier,
    query_log::QueryObserver,
    rows::{FromRow, RowReader},
    transaction::Tx,
    writer::Writer,
};

/// A database file in a folder that is deleted on drop.
struct TestFile(PathBuf, Database);

impl TestFile {
    fn new(observer: Option<QueryObserver>) -> Self {
        let folder = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).unwrap();
        let database = Database::new(folder.join("tenon.db"), observer);
        database.connect(Access::ReadWrite).unwrap();
        TestFile(folder, database)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn select(sql: impl Into<String>) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

async fn one(connection: &impl ConnectionTrait, sql: &str) -> QueryResult {
    connection.query_one_raw(select(sql)).await.unwrap().unwrap()
}

#[derive(Debug, FromQueryResult, PartialEq)]
struct Named {
    b: i64,
    a: String,
    c: Option<String>,
}

#[tokio::test]
async fn decodes_columns_by_name_and_by_index() {
    let file = TestFile::new(None);
    let connection = SharedConnection::new(file.1.connect(Access::ReadWrite).unwrap());
    let row = one(&connection, "SELECT 7 AS b, 'x' AS a, NULL AS c").await;
    assert_eq!(Named::from_query_result(&row, "").unwrap(), Named { b: 7, a: "x".into(), c: None });
    let tuple: (i64, String, Option<String>) = row.try_get_many_by_index().unwrap();
    assert_eq!(tuple, (7, "x".to_owned(), None));
    let row = one(&connection, "SELECT 'first' AS a, 'second' AS a").await;
    let tuple: (String, String) = row.try_get_many_by_index().unwrap();
    assert_eq!(tuple, ("first".to_owned(), "second".to_owned()));
    assert_eq!(row.try_get::<String>("", "a").unwrap(), "second");
}

#[derive(Debug, PartialEq)]
struct Positioned(i64, i32, String, Option<Uuid>, InvoiceStatus);

impl FromRow for Positioned {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, DbErr> {
        Ok(Positioned(row.take()?, row.take()?, row.take()?, row.take()?, row.take_enum()?))
    }
}

#[tokio::test]
async fn decodes_columns_by_position_and_names_a_column_of_another_type() {
    let file = TestFile::new(None);
    let readers = Readers::open(file.1.clone(), MAX_QUERY).unwrap();
    let fetch = async |values: &str| {
        let [a, b, c, d, e]: [&str; 5] = values.split(", ").collect::<Vec<_>>().try_into().unwrap();
        let sql = format!("SELECT {a} AS a, {b} AS b, {c} AS c, {d} AS d, {e} AS e");
        readers.fetch::<Positioned>(select(sql)).await
    };
    let id = Uuid::from_u128(7);
    let row = Positioned(1 << 40, 2, "x".into(), Some(id), InvoiceStatus::Paid);
    let found = fetch(&format!("{}, 2, 'x', x'{}', 'paid'", 1i64 << 40, id.simple())).await;
    assert_eq!(found.unwrap(), [row]);
    assert_eq!(fetch("1, 2, '', NULL, 'void'").await.unwrap()[0].3, None);
    for (values, error) in [
        ("'1', 2, 'x', NULL, 'paid'", "column a: expected i64, got Text"),
        ("NULL, 2, 'x', NULL, 'paid'", "column a: expected i64, got Null"),
        ("1, 4294967296, 'x', NULL, 'paid'", "column b: 4294967296 exceeds 32 bits"),
        ("1, 2, x'ff', NULL, 'paid'", "column c: expected String, got Blob"),
        ("1, 2, 'x', x'ff', 'paid'", "column d: "),
        ("1, 2, 'x', NULL, 'lost'", "column e: unknown value \"lost\""),
    ] {
        let message = fetch(values).await.unwrap_err().to_string();
        assert!(message.contains(error), "{message}");
    }
}

#[tokio::test]
async fn rejects_an_index_in_a_row_with_more_columns_than_a_tuple() {
    let file = TestFile::new(None);
    let connection = SharedConnection::new(file.1.connect(Access::ReadWrite).unwrap());
    let columns: Vec<String> = (0..13).rev().map(|number| format!("{number} AS c{number:02}")).collect();
    let row = one(&connection, &format!("SELECT {}", columns.join(", "))).await;
    assert_eq!(row.try_get::<i64>("", "c12").unwrap(), 12);
    assert!(row.try_get_many_by_index::<(i64, i64)>().is_err());
}

#[tokio::test]
async fn decodes_the_declared_and_the_stored_types() {
    let file = TestFile::new(None);
    let connection = SharedConnection::new(file.1.connect(Access::ReadWrite).unwrap());
    let table =
        "CREATE TABLE t (id uuid_text, small int, large integer, bytes blob, flag boolean, text text)";
    connection.execute_unprepared(table).await.unwrap();
    let id = Uuid::now_v7();
    let insert = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?) RETURNING *";
    let values = [id.into(), 5_i32.into(), 5_i64.into(), vec![1_u8, 2].into(), true.into(), "é".into()];
    let insert = Statement::from_sql_and_values(DbBackend::Sqlite, insert, values);
    let returned = connection.query_one_raw(insert).await.unwrap().unwrap();
    for row in [returned, one(&connection, "SELECT * FROM t").await] {
        assert_eq!(row.try_get::<Uuid>("", "id").unwrap(), id);
        assert_eq!(row.try_get::<i32>("", "small").unwrap(), 5);
        assert_eq!(row.try_get::<i64>("", "large").unwrap(), 5);
        assert_eq!(row.try_get::<Vec<u8>>("", "bytes").unwrap(), [1, 2]);
        assert!(row.try_get::<bool>("", "flag").unwrap());
        assert_eq!(row.try_get::<String>("", "text").unwrap(), "é");
    }
    connection.execute_unprepared("UPDATE t SET small = 5000000000").await.unwrap();
    let error = connection.query_one_raw(select("SELECT small FROM t")).await.unwrap_err();
    assert!(error.to_string().contains("exceeds 32 bits"), "{error}");
    connection.execute_unprepared("UPDATE t SET small = 5, text = CAST(x'ff' AS TEXT)").await.unwrap();
    assert!(connection.query_one_raw(select("SELECT text FROM t")).await.is_err());
}

#[tokio::test]
async fn rejects_a_wrong_number_of_values() {
    let file = TestFile::new(None);
    let connection = SharedConnection::new(file.1.connect(Access::ReadWrite).unwrap());
    for values in [vec![], vec![1_i64.into(), 2_i64.into()]] {
        let statement = Statement::from_sql_and_values(DbBackend::Sqlite, "SELECT ? AS a", values);
        assert!(connection.query_one_raw(statement).await.is_err());
    }
}

/// Returns a query that computes `rows` rows and returns their number.
fn count_to(rows: u32) -> String {
    format!(
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {rows}) SELECT max(n) AS n FROM t"
    )
}

#[tokio::test]
async fn a_slow_query_completes_on_another_thread_and_is_observed_once() {
    let observed = Arc::new(Mutex::new(0));
    let counter = observed.clone();
    let file = TestFile::new(Some(Arc::new(move |info| {
        assert!(!info.failed);
        *counter.lock() += 1;
    })));
    let readers = Readers::open(file.1.clone(), MAX_QUERY).unwrap();
    for expected in 1..=3 {
        let row = one(&readers, &count_to(1_000_000)).await;
        assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1_000_000);
        assert_eq!(*observed.lock(), expected);
    }
    // Other statements still run on this thread.
    assert_eq!(one(&readers, "SELECT 1 AS n").await.try_get::<i64>("", "n").unwrap(), 1);
}

#[tokio::test]
async fn idle_connections_for_slow_queries_are_closed() {
    let file = TestFile::new(None);
    let readers = Readers::open(file.1.clone(), MAX_QUERY).unwrap();
    for _ in 0..2 {
        let begin = Instant::now();
        readers.on_thread(|connection| connection.query(&select("SELECT 1"), 1)).await.unwrap();
        assert_eq!(readers.close_idle(begin).await, 1);
        assert_eq!(readers.close_idle(begin + Duration::from_secs(60)).await, 0);
    }
    readers.close().await;
}

#[tokio::test]
async fn a_cancelled_query_is_interrupted() {
    let file = TestFile::new(None);
    let readers = Readers::open(file.1.clone(), MAX_QUERY).unwrap();
    let endless = count_to(u32::MAX);
    for _ in 0..20 {
        let query = readers.query_one_raw(select(endless.as_str()));
        assert!(tokio::time::timeout(Duration::from_millis(5), query).await.is_err());
    }
    // All connections are available again.
    tokio::time::timeout(Duration::from_secs(20), readers.close()).await.expect("no query is running");
    let closed: Result<_, DbErr> = readers.query_all_raw(select("SELECT 1")).await;
    assert!(closed.is_err());
}

#[tokio::test]
async fn a_query_is_interrupted_after_its_time_limit() {
    let file = TestFile::new(None);
    let readers = Readers::open(file.1.clone(), Duration::from_millis(50)).unwrap();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let error = readers.query_all_raw(select(endless)).await.unwrap_err();
    assert_eq!(fault(&error), Fault::TimeLimit, "{error:?}");
    one(&readers, "SELECT 1").await;
}

#[tokio::test]
async fn after_a_failure_of_the_storage_no_transaction_commits() {
    let file = TestFile::new(None);
    let second = Duration::from_secs(1);
    let writer = Writer::start(file.1.clone(), second, ChangeNotifier::default()).unwrap();
    let write = async || writer.run(async |tx: Tx| tx.execute_unprepared("SELECT 1").await.map(|_| ())).await;
    let failed = |code| query_error(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
    file.1.failure().record(&failed(rusqlite::ffi::SQLITE_FULL));
    write().await.unwrap();
    let (sync, read) = (failed(rusqlite::ffi::SQLITE_IOERR_FSYNC), failed(rusqlite::ffi::SQLITE_IOERR_READ));
    file.1.failure().record(&sync);
    file.1.failure().record(&read);
    assert_eq!(write().await.unwrap_err(), sync, "the first failure is reported");
    assert_eq!(file.1.failure().wait().await, sync);
    assert_eq!(fault(&sync), Fault::Io);
    let dump = file.1.with_separate_failure();
    assert!(dump.failure().check().is_ok() && file.1.failure().check().is_err());
}

#[tokio::test]
async fn slow_queries_of_one_client_do_not_delay_those_of_another() {
    let file = TestFile::new(None);
    let readers = Readers::open(file.1.clone(), MAX_QUERY).unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let client = |number| Origin::request(None, ClientKey::Account(Uuid::from_u128(number)), "one");
    let blocked: Vec<_> =
        (0..2 * SLOW_QUERIES)
            .map(|_| {
                let (readers, released) = (readers.clone(), released.clone());
                tokio::spawn(client(1).scope(async move {
                    readers.on_thread(move |_| Ok(released.lock().recv().is_ok())).await
                }))
            })
            .collect();
    // All tasks of the first client wait for a permit or run before the second client begins.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let other =
        client(2).scope(readers.on_thread(|connection| connection.query(&select("SELECT 1"), 1))).await;
    assert_eq!(other.unwrap().len(), 1);
    for _ in &blocked {
        release.send(()).unwrap();
    }
    for task in blocked {
        assert!(task.await.unwrap().unwrap());
    }
}
