//! The door for reading everything: the rows of a select as they are at one moment, a few at a time, at the pace of
//! whoever takes them, and no further when nobody does.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, QueryTrait, Select, Statement, StreamTrait, TransactionTrait,
};
use tokio::sync::mpsc;
use tracing::Instrument;
use uuid::Uuid;

use super::{transaction::broken, trouble::TOO_LONG};

/// Rows that are handed on at once.
const BATCH: usize = 500;
/// Batches that are read before anybody takes them.
const AHEAD: usize = 2;
/// Whoever takes longer holds old versions of everything in the database.
const LONGEST: Duration = Duration::from_secs(300);

/// Whoever takes the rows may take as long as a stalled connection is borne, and wants the first ones at once: the
/// whole is not worth sorting for. A filter may leave few of many.
const PATIENT: &str =
    "SET LOCAL statement_timeout = '300s'; SET LOCAL idle_in_transaction_session_timeout = '60s';
    SET LOCAL cursor_tuple_fraction = 0.00001";

/// Batches of rows; an error is the last of them.
pub type Batches<R> = mpsc::Receiver<Result<Vec<R>, DbErr>>;
type Taker<R> = mpsc::Sender<Result<Vec<R>, DbErr>>;

/// How many exports run at the same time.
pub(super) const PLACES: usize = 2;

/// Why an export cannot begin now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All places are taken.
    All,
    /// The caller has one already: the others are for others.
    Own,
}

/// Who has the places.
#[derive(Clone, Default)]
pub(super) struct Places(Arc<Mutex<Vec<Uuid>>>);

impl Places {
    pub fn take(&self, caller: Uuid) -> Result<Place, Full> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.contains(&caller) {
            return Err(Full::Own);
        }
        if taken.len() >= PLACES {
            return Err(Full::All);
        }
        taken.push(caller);
        Ok(Place { places: self.clone(), caller })
    }
}

/// One of them, until it is dropped.
pub(super) struct Place {
    places: Places,
    caller: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|taken| *taken != self.caller);
    }
}

/// An export that may begin.
pub struct Export {
    pub(super) connection: DatabaseConnection,
    pub(super) place: Place,
}

impl Export {
    /// Reads what `find` finds, on a task of its own that ends when nobody takes any more.
    pub fn rows<E, R>(self, find: Select<E>) -> Batches<R>
    where
        E: EntityTrait,
        R: FromQueryResult + Send + 'static,
    {
        let (give, batches) = mpsc::channel(AHEAD);
        let statement = find.build(self.connection.get_database_backend());
        let run = async move {
            let late = Err(broken(TOO_LONG));
            let done = tokio::select! {
                done = tokio::time::timeout(LONGEST, self.read(statement, &give)) => done.unwrap_or(late),
                // Also while nothing is found that could be handed on.
                () = give.closed() => Ok(()),
            };
            if let Err(error) = done {
                tracing::error!(%error, "an export ended early");
                // Nobody may be there to hear it.
                let _ = give.send(Err(error)).await;
            }
            drop(self.place);
        };
        tokio::spawn(run.in_current_span());
        batches
    }

    async fn read<R: FromQueryResult + Send>(&self, select: Statement, give: &Taker<R>) -> Result<(), DbErr> {
        match self.connection.get_database_backend() {
            DbBackend::Postgres => {
                let open = self.connection.begin_with_config(None, Some(AccessMode::ReadOnly)).await?;
                fetched(&open, select, give).await?;
                open.rollback().await
            }
            _ => streamed(&self.connection, select, give).await,
        }
    }
}

/// Through a cursor: an unfinished statement would have to be read to its end.
async fn fetched<R: FromQueryResult>(
    open: &DatabaseTransaction,
    select: Statement,
    give: &Taker<R>,
) -> Result<(), DbErr> {
    open.execute_unprepared(PATIENT).await?;
    let sql = ["DECLARE export NO SCROLL CURSOR FOR", select.sql.as_str()].join(" ");
    open.execute_raw(Statement { sql, ..select }).await?;
    let fetch = ["FETCH", &BATCH.to_string(), "FROM export"].join(" ");
    loop {
        let rows = open.query_all_raw(Statement::from_string(DbBackend::Postgres, fetch.as_str())).await?;
        let last = rows.len() < BATCH;
        let rows = rows.iter().map(|row| R::from_query_result(row, "")).collect();
        if give.send(rows).await.is_err() || last {
            return Ok(());
        }
    }
}

/// The library steps through the rows as they are taken.
async fn streamed<R: FromQueryResult>(
    connection: &DatabaseConnection,
    select: Statement,
    give: &Taker<R>,
) -> Result<(), DbErr> {
    let rows = connection.stream_raw(select).await?;
    let mut batches = rows.chunks(BATCH);
    while let Some(rows) = batches.next().await {
        let rows = rows.into_iter().map(|row| R::from_query_result(&row?, "")).collect();
        if give.send(rows).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}
