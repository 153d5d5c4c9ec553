//! The writer thread of a SQLite database, with group commit.
//!
//! SQLite allows one writer at a time, and a commit waits for the disk. The thread therefore runs all waiting
//! units of work in one `BEGIN IMMEDIATE` transaction, each in a savepoint of its own, and commits once: one
//! sync serves up to 128 callers. A failing unit rolls back to its savepoint and does not affect the others.
//! Collection versions and events are written once for all units. Callers get their results only after the commit,
//! so a success is durable.
//!
//! The thread owns its connection and polls the units of work itself, so a statement runs without a context switch.
//! While a commit waits for the disk, the next units arrive, and all of them run in the next transaction.
//!
//! The queue is bounded. When it is full, callers wait (backpressure).
use std::{
    collections::BTreeSet,
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};
use sea_orm::DbErr;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
};
use tracing::{Instrument, Span};

use super::{
    audit_log::Origin,
    db_error::custom_error,
    db_metrics::DbMetrics,
    notify::{ChangeNotifier, Changes},
    pending::Pending,
    sqlite::{Access, BEGIN, Database, SharedConnection},
    transaction::{self, OpenTransaction, Tx},
};

/// Maximum units of work in one transaction. It bounds the time that the first unit waits for the last one.
const MAX_BATCH: usize = 128;

type Responder = Box<dyn FnOnce(Result<(), DbErr>) + Send>;

/// The outcome of a unit of work: whether to commit it, what to write at the commit, and the callback that reports to
/// its caller.
struct Outcome {
    commit: bool,
    pending: Pending,
    respond: Responder,
}

/// A unit of work. It receives the connection and the collections that earlier units have changed, or the error that
/// prevented its transaction.
type Work = Box<
    dyn FnOnce(Result<(SharedConnection, BTreeSet<&'static str>), DbErr>) -> BoxFuture<'static, Outcome>
        + Send,
>;

enum Message {
    Run(Work),
    /// Closes the connection after the units that were sent before.
    Close(oneshot::Sender<()>),
}

#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
    max_duration: Duration,
    metrics: Arc<DbMetrics>,
}

impl Writer {
    /// Opens the connection and starts the writer thread. No statement of a unit of work begins after `max_duration`.
    pub fn start(
        database: Database,
        max_duration: Duration,
        notifier: ChangeNotifier,
    ) -> Result<Self, DbErr> {
        let connection = SharedConnection::new(database.connect(Access::ReadWrite)?);
        let (queue, receiver) = mpsc::channel(1024);
        let runtime = Handle::current();
        let metrics = Arc::<DbMetrics>::default();
        let thread =
            WriterThread { database, connection, queue: receiver, notifier, metrics: metrics.clone() };
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || runtime.block_on(thread.run()))
            .map_err(|error| custom_error(&format!("cannot start the writer thread: {error}")))?;
        Ok(Writer { queue, max_duration, metrics })
    }

    pub fn metrics(&self) -> &Arc<DbMetrics> {
        &self.metrics
    }

    /// Returns the number of units of work that wait.
    pub fn queue_length(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
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
        let (max_duration, span, origin) = (self.max_duration, Span::current(), Origin::current());
        let unit: Work = Box::new(move |begun| {
            // The log lines and the audit entries of the work carry the request id of its caller.
            let work = async move {
                let (result, _, pending) = match begun {
                    Ok((connection, touched_before)) => {
                        let open = OpenTransaction::Sqlite(connection);
                        transaction::run(open, max_duration, touched_before, work).await
                    }
                    Err(error) => (Err(error.into()), None, Pending::default()),
                };
                Outcome {
                    commit: result.is_ok(),
                    pending,
                    respond: Box::new(move |committed| {
                        // The caller may have been cancelled; its work is committed nevertheless.
                        let _ =
                            sender.send(result.and_then(|value| committed.map(|()| value).map_err(E::from)));
                    }),
                }
            };
            origin.scope(work).instrument(span).boxed()
        });
        let stopped = || E::from(custom_error("the database writer has stopped"));
        self.queue.send(Message::Run(unit)).await.map_err(|_| stopped())?;
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Closes the connection after all queued units of work. Later units fail.
    pub async fn close(&self) {
        let (closed_sender, closed) = oneshot::channel();
        if self.queue.send(Message::Close(closed_sender)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// The state of the writer thread.
struct WriterThread {
    database: Database,
    connection: SharedConnection,
    queue: mpsc::Receiver<Message>,
    notifier: ChangeNotifier,
    metrics: Arc<DbMetrics>,
}

/// The units of work of one transaction.
#[derive(Default)]
struct Batch {
    /// The number of units that were taken from the queue.
    taken: usize,
    waiting: std::collections::VecDeque<Work>,
    responders: Vec<Responder>,
    pending: Pending,
    /// Notified when the connection is closed. No units are taken from the queue afterwards.
    closed: Option<oneshot::Sender<()>>,
}

impl Batch {
    fn add(&mut self, message: Message) {
        match message {
            Message::Run(work) => {
                self.taken += 1;
                self.waiting.push_back(work);
            }
            Message::Close(closed) => self.closed = Some(closed),
        }
    }

    /// Returns the next unit. Takes all units that wait in the queue, so that they are committed together.
    fn next(&mut self, queue: &mut mpsc::Receiver<Message>) -> Option<Work> {
        while self.taken < MAX_BATCH
            && self.closed.is_none()
            && let Ok(message) = queue.try_recv()
        {
            self.add(message);
        }
        self.waiting.pop_front()
    }
}

impl WriterThread {
    async fn run(mut self) {
        while let Some(message) = self.queue.recv().await {
            let mut batch = Batch::default();
            batch.add(message);
            if let Some(work) = batch.next(&mut self.queue) {
                self.write(&mut batch, work).await;
            }
            if let Some(closed) = batch.closed {
                let WriterThread { connection, queue, .. } = self;
                drop((connection, queue));
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Runs a batch, commits it and responds.
    async fn write(&mut self, batch: &mut Batch, first: Work) {
        let mut changes = Changes::default();
        let committed = self.run_batch(batch, &mut changes, first).await;
        if let Err(error) = &committed {
            // Nothing of the batch is committed, so every caller gets the error, even if its own work succeeded.
            for work in std::mem::take(&mut batch.waiting) {
                batch.responders.push(work(Err(error.clone())).await.respond);
            }
            self.reset_connection();
        }
        self.notifier.notify(changes);
        for respond in batch.responders.drain(..) {
            respond(committed.clone());
        }
    }

    /// Runs a batch in one transaction and commits it. Sets the changes that are in the database after the commit,
    /// and after a commit that fails may be. After an error, the batch contains the units of work that have not run.
    async fn run_batch(
        &mut self,
        batch: &mut Batch,
        changes: &mut Changes,
        first: Work,
    ) -> Result<(), DbErr> {
        let control = |sql: &str| self.connection.with(|connection| connection.control(sql));
        let mut next = Some(first);
        let mut begun = self.database.failure().check().and_then(|()| control(BEGIN));
        while let Some(work) = next {
            let savepoint = std::mem::replace(&mut begun, Ok(())).and_then(|()| control("SAVEPOINT unit"));
            if let Err(error) = savepoint {
                batch.responders.push(work(Err(error.clone())).await.respond);
                return Err(error);
            }
            // A panic must not end the thread: no later write would succeed.
            let begun = (self.connection.clone(), batch.pending.collections.clone());
            let outcome = AssertUnwindSafe(work(Ok(begun))).catch_unwind().await;
            let outcome = outcome.map_err(|_| custom_error("a unit of work panicked"))?;
            batch.responders.push(outcome.respond);
            if !outcome.commit {
                control("ROLLBACK TO unit")?;
            }
            control("RELEASE unit")?;
            batch.pending.append(outcome.pending);
            next = batch.next(&mut self.queue);
        }
        let open = OpenTransaction::Sqlite(self.connection.clone());
        *changes = std::mem::take(&mut batch.pending).write(&open).await?;
        let start = Instant::now();
        let committed = control("COMMIT");
        self.metrics.commits.observe_duration(start.elapsed());
        self.metrics.groups.observe(batch.taken as u64);
        committed
    }

    /// Ends the transaction of a failed batch. If that fails, replaces the connection.
    fn reset_connection(&self) {
        self.connection.with(|connection| {
            if !connection.in_transaction() {
                return;
            }
            let Err(error) = connection.control("ROLLBACK") else { return };
            tracing::warn!(%error, "a transaction failed to roll back");
            match self.database.connect(Access::ReadWrite) {
                Ok(new) => *connection = new,
                Err(error) => tracing::error!(%error, "the database failed to open"),
            }
        });
    }
}
