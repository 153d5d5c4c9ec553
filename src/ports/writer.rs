//! The one writer of a SQLite database: whatever waits goes into one transaction with a savepoint each, is
//! committed once, and only then answered. One sync to disk serves all who wait.
use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};

use super::db::Tx;

/// The most pieces of work in one transaction; the last of them must not wait too long for the first.
const TOGETHER: usize = 128;

/// Tells a caller whether the commit stood.
type Tell = Box<dyn FnOnce(Result<(), DbErr>) + Send>;

/// What becomes of a piece of work: whether its savepoint stays, and how its caller is told.
struct Ran {
    keep: bool,
    tell: Tell,
}

type Work = Box<dyn FnOnce(Tx) -> BoxFuture<'static, Ran> + Send>;

#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Work>,
    connection: DatabaseConnection,
}

impl Writer {
    pub fn start(connection: DatabaseConnection) -> Self {
        let (queue, waiting) = mpsc::channel(1024);
        tokio::spawn(write(connection.clone(), waiting));
        Writer { queue, connection }
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
        let boxed: Work = Box::new(move |tx| {
            async move {
                let done = AssertUnwindSafe(async move { work(tx).await }).catch_unwind().await;
                let done = done.unwrap_or_else(|_| Err(DbErr::Custom("the work panicked".into()).into()));
                Ran {
                    keep: done.is_ok(),
                    tell: Box::new(move |committed| {
                        // Whoever asked may have gone; the work is done all the same.
                        let _ =
                            answer.send(done.and_then(|value| committed.map(|()| value).map_err(E::from)));
                    }),
                }
            }
            .boxed()
        });
        let stopped = || E::from(DbErr::Custom("the writer has stopped".into()));
        self.queue.send(boxed).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

async fn write(connection: DatabaseConnection, mut waiting: mpsc::Receiver<Work>) {
    while let Some(first) = waiting.recv().await {
        let mut batch = vec![first];
        while batch.len() < TOGETHER
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let mut told = Vec::with_capacity(batch.len());
        let committed = together(&connection, batch, &mut told).await;
        for tell in told {
            tell(committed.as_ref().copied().map_err(|error| DbErr::Custom(error.to_string())));
        }
    }
}

async fn together(
    connection: &DatabaseConnection,
    batch: Vec<Work>,
    told: &mut Vec<Tell>,
) -> Result<(), DbErr> {
    // A transaction that begins by reading may find the lock taken when it starts to write, and no
    // timeout helps it then.
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let outer = connection.begin_with_options(immediate).await?;
    for work in batch {
        let savepoint = Tx(Arc::new(outer.begin().await?));
        let ran = work(savepoint.clone()).await;
        told.push(ran.tell);
        end(savepoint, ran.keep).await?;
    }
    outer.commit().await
}

async fn end(savepoint: Tx, keep: bool) -> Result<(), DbErr> {
    let inner: DatabaseTransaction =
        Arc::try_unwrap(savepoint.0).map_err(|_| DbErr::Custom("a transaction outlived its work".into()))?;
    if keep { inner.commit().await } else { inner.rollback().await }
}
