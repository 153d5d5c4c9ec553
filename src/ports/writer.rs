//! The one writer of a SQLite database: whatever waits goes into one transaction with a savepoint each, is
//! committed once, and only then answered. One sync to disk serves all who wait.
use std::{future::Future, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, Span};

use super::{
    news::{News, Stir},
    transaction::{self, Tx, broken},
};

/// The most pieces of work in one transaction; the last of them must not wait too long for the first.
const TOGETHER: usize = 128;

type Tell = Box<dyn FnOnce(Result<(), DbErr>) + Send>;

/// What becomes of a piece of work: its savepoint, whether that stays, and how its caller is told.
struct Ran {
    savepoint: Option<DatabaseTransaction>,
    keep: bool,
    stir: Stir,
    tell: Tell,
}

/// A piece of work, given its savepoint or the reason why there is none.
type Work = Box<dyn FnOnce(Result<DatabaseTransaction, DbErr>) -> BoxFuture<'static, Ran> + Send>;

#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Work>,
    connection: DatabaseConnection,
    longest: Duration,
}

impl Writer {
    /// Nobody may hold the writer for longer than `longest`.
    pub fn start(connection: DatabaseConnection, longest: Duration, news: News) -> Self {
        let (queue, waiting) = mpsc::channel(1024);
        tokio::spawn(write(connection.clone(), waiting, news));
        Writer { queue, connection, longest }
    }

    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    pub async fn run<T, E, F, Fut>(&self, work: F) -> Result<T, E>
    where
        F: FnOnce(Tx) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbErr> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let (longest, span) = (self.longest, Span::current());
        let boxed: Work = Box::new(move |savepoint| {
            // What the work logs belongs to whoever asked for it.
            async move {
                let (done, savepoint, stir) = match savepoint {
                    Ok(savepoint) => transaction::run(savepoint, longest, work).await,
                    Err(error) => (Err(error.into()), None, Stir::default()),
                };
                Ran {
                    savepoint,
                    keep: done.is_ok(),
                    stir,
                    tell: Box::new(move |committed| {
                        // Whoever asked may have gone; the work is done all the same.
                        let _ =
                            answer.send(done.and_then(|value| committed.map(|()| value).map_err(E::from)));
                    }),
                }
            }
            .instrument(span)
            .boxed()
        });
        let stopped = || E::from(broken("the writer has stopped"));
        self.queue.send(boxed).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

async fn write(connection: DatabaseConnection, mut waiting: mpsc::Receiver<Work>, news: News) {
    let mut batch = Vec::with_capacity(TOGETHER);
    while waiting.recv_many(&mut batch, TOGETHER).await > 0 {
        let mut told = Vec::with_capacity(batch.len());
        let mut rest = batch.drain(..);
        let mut stirs = Stir::default();
        let committed = together(&connection, &mut rest, &mut told, &mut stirs).await;
        if let Err(error) = &committed {
            for work in rest {
                told.push(work(Err(error.clone())).await.tell);
            }
            renew(&connection).await;
        } else {
            news.tell(stirs);
        }
        for tell in told {
            tell(committed.clone());
        }
    }
}

async fn together(
    connection: &DatabaseConnection,
    batch: &mut impl Iterator<Item = Work>,
    told: &mut Vec<Tell>,
    stirs: &mut Stir,
) -> Result<(), DbErr> {
    let outer = connection.begin_with_options(immediate()).await?;
    for work in batch {
        let savepoint = match outer.begin().await {
            Ok(savepoint) => savepoint,
            Err(error) => {
                told.push(work(Err(error.clone())).await.tell);
                return Err(error);
            }
        };
        let ran = work(Ok(savepoint)).await;
        told.push(ran.tell);
        stirs.events |= ran.stir.events;
        stirs.jobs |= ran.stir.jobs;
        transaction::end(ran.savepoint, ran.keep).await?;
    }
    outer.commit().await
}

/// A transaction that begins by reading may find the lock taken when it starts to write, and no timeout
/// helps it then.
pub fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// Where the database ended a transaction by itself, the driver counts its savepoints wrong from then on,
/// and the next transaction would not be immediate: only a new connection is sure.
async fn renew(connection: &DatabaseConnection) {
    if let Ok(spent) = connection.get_sqlite_connection_pool().acquire().await
        && let Err(error) = spent.close().await
    {
        tracing::warn!(%error, "a connection did not close well");
    }
}
