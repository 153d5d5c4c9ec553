//! Streams the rows of a query from one snapshot. Rows are fetched in batches, and only as fast as the
//! receiver reads them (backpressure).
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    QueryTrait, Select, Statement, TransactionTrait,
};
use tokio::sync::mpsc;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    db_error::{TOO_LONG, custom_error},
    rows::{FromRow, RowReader, decode_all},
    sqlite,
};

/// Rows per batch.
const BATCH: usize = 500;
/// Batches that are fetched ahead of the receiver.
const PREFETCHED_BATCHES: usize = 2;
/// Maximum duration. A longer snapshot would prevent the database from reclaiming old row versions.
const MAX_DURATION: Duration = Duration::from_secs(300);

/// The idle timeout exceeds the stall timeout of connections, because a slow client delays the next FETCH.
/// `cursor_tuple_fraction` makes the planner optimize for the first rows: an index scan instead of a sort of
/// the whole result, even if a filter matches few rows.
const TRANSACTION_SETTINGS: &str =
    "SET LOCAL statement_timeout = '300s'; SET LOCAL idle_in_transaction_session_timeout = '60s';
    SET LOCAL cursor_tuple_fraction = 0.00001";

/// Batches of rows. An error is the last item.
pub type RowBatches<R> = mpsc::Receiver<Result<Vec<R>, DbErr>>;
type Sender<R> = mpsc::Sender<Result<Vec<R>, DbErr>>;

/// Maximum number of concurrent exports.
pub(super) const MAX_EXPORTS: usize = 2;

/// The reason why an export cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooManyExports {
    /// The maximum of all exports is reached.
    Total,
    /// The caller already has an export: one caller must not occupy all permits.
    PerCaller,
}

/// The callers that hold an export permit.
#[derive(Clone, Default)]
pub(super) struct ExportPermits(Arc<Mutex<Vec<Uuid>>>);

impl ExportPermits {
    pub fn acquire(&self, caller: Uuid) -> Result<ExportPermit, TooManyExports> {
        let mut callers = self.0.lock();
        if callers.contains(&caller) {
            return Err(TooManyExports::PerCaller);
        }
        if callers.len() >= MAX_EXPORTS {
            return Err(TooManyExports::Total);
        }
        callers.push(caller);
        Ok(ExportPermit { permits: self.clone(), caller })
    }
}

/// A permit for one export. Dropping it releases the permit.
pub(super) struct ExportPermit {
    permits: ExportPermits,
    caller: Uuid,
}

impl Drop for ExportPermit {
    fn drop(&mut self) {
        self.permits.0.lock().retain(|callers| *callers != self.caller);
    }
}

/// The database of an export.
pub(super) enum Source {
    Sqlite(sqlite::Database),
    Postgres(DatabaseConnection),
}

/// An export that is permitted to start.
pub struct Export {
    pub(super) source: Source,
    pub(super) permit: ExportPermit,
}

impl Export {
    /// Runs the query on a task of its own, which ends when the receiver is dropped.
    pub fn rows<E, R>(self, query: Select<E>) -> RowBatches<R>
    where
        E: EntityTrait,
        R: FromRow + Send + 'static,
    {
        let (sender, batches) = mpsc::channel(PREFETCHED_BATCHES);
        let Export { source, permit } = self;
        let run = async move {
            let timed_out = Err(custom_error(TOO_LONG));
            let read = async {
                match source {
                    Source::Sqlite(database) => {
                        read_file(database, query.build(DbBackend::Sqlite), sender.clone()).await
                    }
                    Source::Postgres(pool) => {
                        let open = pool.begin_with_config(None, Some(AccessMode::ReadOnly)).await?;
                        read_cursor(&open, query.build(DbBackend::Postgres), &sender).await?;
                        open.rollback().await
                    }
                }
            };
            let result = tokio::select! {
                result = tokio::time::timeout(MAX_DURATION, read) => result.unwrap_or(timed_out),
                // A query that finds nothing sends nothing, so a closed receiver must be detected here.
                () = sender.closed() => Ok(()),
            };
            if let Err(error) = result {
                tracing::error!(%error, "an export was aborted");
                // The receiver may have been dropped.
                let _ = sender.send(Err(error)).await;
            }
            drop(permit);
        };
        tokio::spawn(run.in_current_span());
        batches
    }
}

/// Reads through a cursor: dropping a plain query on PostgreSQL would read all of its remaining rows first.
async fn read_cursor<R: FromRow>(
    open: &DatabaseTransaction,
    select: Statement,
    sender: &Sender<R>,
) -> Result<(), DbErr> {
    open.execute_unprepared(TRANSACTION_SETTINGS).await?;
    let sql = ["DECLARE export NO SCROLL CURSOR FOR", select.sql.as_str()].join(" ");
    open.execute_raw(Statement { sql, ..select }).await?;
    let fetch = ["FETCH", &BATCH.to_string(), "FROM export"].join(" ");
    loop {
        let rows = open.query_all_raw(Statement::from_string(DbBackend::Postgres, fetch.as_str())).await?;
        let last = rows.len() < BATCH;
        if sender.send(decode_all(&rows)).await.is_err() || last {
            return Ok(());
        }
    }
}

/// Reads on a connection and a thread of its own, because an export is slow: SQLite computes each row when it is
/// fetched. Dropping the future interrupts the query.
async fn read_file<R: FromRow + Send + 'static>(
    database: sqlite::Database,
    select: Statement,
    sender: Sender<R>,
) -> Result<(), DbErr> {
    sqlite::run_blocking(move |mut cancellation| {
        let mut connection = database.connect(sqlite::Access::ReadOnly)?;
        connection.interrupt_if(move || cancellation.is_cancelled())?;
        let mut batch = Vec::with_capacity(BATCH);
        let send = |batch: Vec<R>| sender.blocking_send(Ok(batch)).is_ok();
        connection.for_each_row(&select, |row| {
            batch.push(R::from_row(&mut RowReader::sqlite(row))?);
            Ok(batch.len() < BATCH || send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))))
        })?;
        send(batch);
        Ok(())
    })
    .await
}
