//! The writer task of a SQLite database, with group commit.
//!
//! SQLite allows one writer at a time, and a commit waits for the disk. The task therefore runs all waiting
//! units of work in one `BEGIN IMMEDIATE` transaction, each in a savepoint of its own, and commits once: one
//! sync serves up to 128 callers. A failing unit rolls back to its savepoint and does not affect the others.
//! Callers get their results only after the commit, so a success is durable.
//!
//! The queue is bounded. When it is full, callers wait (backpressure).
use std::{future::Future, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{
    notify::{ChangeNotifier, Changes},
    transaction::{self, Tx, custom_error},
};

/// Maximum units of work in one transaction. It bounds the time that the first unit waits for the last one.
const MAX_BATCH: usize = 128;

type Responder = Box<dyn FnOnce(Result<(), DbErr>) + Send>;

/// The outcome of a unit of work: its savepoint, whether to release it, and the callback that reports to its
/// caller.
struct Outcome {
    savepoint: Option<DatabaseTransaction>,
    commit: bool,
    changes: Changes,
    respond: Responder,
}

/// A unit of work. It receives its savepoint, or the error that prevented it.
type Work = Box<dyn FnOnce(Result<DatabaseTransaction, DbErr>) -> BoxFuture<'static, Outcome> + Send>;

#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Work>,
    connection: DatabaseConnection,
    max_duration: Duration,
}

impl Writer {
    /// Starts the writer task. A unit of work may hold the writer for at most `max_duration`.
    pub fn start(connection: DatabaseConnection, max_duration: Duration, notifier: ChangeNotifier) -> Self {
        let (queue, receiver) = mpsc::channel(1024);
        tokio::spawn(run_writer(connection.clone(), receiver, notifier));
        Writer { queue, connection, max_duration }
    }

    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// Queues a unit of work and returns its result after the commit.
    pub async fn run<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(Tx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let (max_duration, span) = (self.max_duration, Span::current());
        let unit: Work = Box::new(move |savepoint| {
            // The log lines of the work carry the request id of its caller.
            async move {
                let (result, savepoint, changes) = match savepoint {
                    Ok(savepoint) => transaction::run(savepoint, max_duration, work).await,
                    Err(error) => (Err(error.into()), None, Changes::default()),
                };
                Outcome {
                    savepoint,
                    commit: result.is_ok(),
                    changes,
                    respond: Box::new(move |committed| {
                        // The caller may have been cancelled; its work is committed nevertheless.
                        let _ =
                            sender.send(result.and_then(|value| committed.map(|()| value).map_err(E::from)));
                    }),
                }
            }
            .instrument(span)
            .boxed()
        });
        let stopped = || E::from(custom_error("the database writer has stopped"));
        self.queue.send(unit).await.map_err(|_| stopped())?;
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// The loop of the writer task.
async fn run_writer(
    connection: DatabaseConnection,
    mut queue: mpsc::Receiver<Work>,
    notifier: ChangeNotifier,
) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let mut responders = Vec::with_capacity(batch.len());
        let mut remaining = batch.drain(..);
        let mut changes = Changes::default();
        let committed = run_batch(&connection, &mut remaining, &mut responders, &mut changes).await;
        if let Err(error) = &committed {
            // Nothing of the batch is committed, so every caller gets the error, even if its own work succeeded.
            for work in remaining {
                responders.push(work(Err(error.clone())).await.respond);
            }
            reset_connection(&connection).await;
        } else {
            notifier.notify(changes);
        }
        for respond in responders {
            respond(committed.clone());
        }
    }
}

/// Runs a batch in one transaction and commits it. After an error, the iterator contains the units of work
/// that have not run.
async fn run_batch(
    connection: &DatabaseConnection,
    batch: &mut impl Iterator<Item = Work>,
    responders: &mut Vec<Responder>,
    changes: &mut Changes,
) -> Result<(), DbErr> {
    let outer = connection.begin_with_options(immediate()).await?;
    for work in batch {
        let savepoint = match outer.begin().await {
            Ok(savepoint) => savepoint,
            Err(error) => {
                responders.push(work(Err(error.clone())).await.respond);
                return Err(error);
            }
        };
        let outcome = work(Ok(savepoint)).await;
        responders.push(outcome.respond);
        changes.events |= outcome.changes.events;
        changes.jobs |= outcome.changes.jobs;
        transaction::finish(outcome.savepoint, outcome.commit).await?;
    }
    outer.commit().await
}

/// `BEGIN IMMEDIATE` takes the write lock at the start. A deferred transaction that reads first can find the
/// lock held when it begins to write; SQLite then fails with BUSY at once, and the busy timeout does not
/// apply.
pub fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// Replaces the connection after a failed batch. If SQLite has rolled the transaction back on its own (disk
/// full, I/O error), the driver still counts its savepoints. The next `begin` would then be a savepoint and
/// not `BEGIN IMMEDIATE`.
async fn reset_connection(connection: &DatabaseConnection) {
    if let Ok(connection) = connection.get_sqlite_connection_pool().acquire().await
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "a database connection failed to close");
    }
}
