//! A transaction while its work runs. Whoever keeps it for longer holds nothing and can do nothing with it.
use std::{
    collections::BTreeSet,
    future::Future,
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entity::collection;
use futures_util::FutureExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExecResult, QueryResult, Set,
    Statement,
    prelude::async_trait::async_trait,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use tokio::sync::Mutex;

use super::{
    events::{self, Told},
    news::Stir,
    trouble::TOO_LONG,
};

/// What a piece of work writes with; it ends when the work does.
#[derive(Clone)]
pub struct Tx(Arc<Transaction>);

impl Deref for Tx {
    type Target = Transaction;
    fn deref(&self) -> &Transaction {
        &self.0
    }
}

pub struct Transaction {
    backend: DbBackend,
    open: Mutex<Option<DatabaseTransaction>>,
    failed: AtomicBool,
    touched: std::sync::Mutex<BTreeSet<&'static str>>,
    told: std::sync::Mutex<Vec<Told>>,
    asked: AtomicBool,
}

impl Tx {
    /// Says that a collection changes; whoever caches its lists sees another version after the commit.
    pub async fn touch(&self, collection: &'static str) -> Result<(), DbErr> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner).insert(collection);
        Ok(())
    }

    /// Says what happened: it is in the log of events when the work commits.
    pub fn tell(&self, told: Told) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// Says that there is work for the workers when this commits.
    pub(super) fn asks(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }
}

/// Runs a piece of work, and gives its transaction back to be committed or rolled back.
pub(super) async fn run<T, E, F, Fut>(
    transaction: DatabaseTransaction,
    longest: Duration,
    work: F,
) -> (Result<T, E>, Option<DatabaseTransaction>, Stir)
where
    F: FnOnce(Tx) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: From<DbErr>,
{
    let tx = Tx(Arc::new(Transaction {
        backend: transaction.get_database_backend(),
        open: Mutex::new(Some(transaction)),
        failed: AtomicBool::new(false),
        touched: std::sync::Mutex::default(),
        told: std::sync::Mutex::default(),
        asked: AtomicBool::new(false),
    }));
    let running = AssertUnwindSafe(async { work(tx.clone()).await }).catch_unwind();
    let done = match tokio::time::timeout(longest, running).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(broken("the work panicked").into()),
        Err(_) => Err(broken(TOO_LONG).into()),
    };
    // A stray statement ends first; the next one finds nothing.
    let open = tx.open.lock().await.take();
    match (done, open) {
        (Ok(value), Some(open)) => match tx.settle(&open).await {
            Ok(stir) => (Ok(value), Some(open), stir),
            Err(error) => (Err(error.into()), Some(open), Stir::default()),
        },
        (done, open) => (done, open, Stir::default()),
    }
}

pub(super) async fn end(transaction: Option<DatabaseTransaction>, keep: bool) -> Result<(), DbErr> {
    match (transaction, keep) {
        (Some(transaction), true) => transaction.commit().await,
        (Some(transaction), false) => transaction.rollback().await,
        (None, _) => Err(broken("the transaction is gone")),
    }
}

pub(super) fn broken(what: &str) -> DbErr {
    DbErr::Custom(what.to_owned())
}

impl Transaction {
    async fn settle(&self, open: &DatabaseTransaction) -> Result<Stir, DbErr> {
        // PostgreSQL answers a commit after a failed statement with a rollback, and calls that a success.
        if self.backend == DbBackend::Postgres && self.failed.load(Ordering::SeqCst) {
            return Err(broken("a statement failed and the work went on"));
        }
        // At the end and in one order, so that no two transactions wait for each other's counters.
        let touched = std::mem::take(&mut *self.touched.lock().unwrap_or_else(PoisonError::into_inner));
        for name in touched {
            let row = collection::ActiveModel { name: Set(name.to_owned()), version: Set(1) };
            let next = Expr::col((collection::Entity, collection::Column::Version)).add(1);
            let bump = OnConflict::column(collection::Column::Name)
                .value(collection::Column::Version, next)
                .to_owned();
            collection::Entity::insert(row).on_conflict(bump).exec_without_returning(open).await?;
        }
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        let stir = Stir { events: !told.is_empty(), jobs: self.asked.load(Ordering::SeqCst) };
        events::write(open, told).await?;
        Ok(stir)
    }

    fn noted<T>(&self, done: Result<T, DbErr>) -> Result<T, DbErr> {
        if done.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        done
    }
}

fn held(open: &Option<DatabaseTransaction>) -> Result<&DatabaseTransaction, DbErr> {
    open.as_ref().ok_or_else(|| broken("the transaction has ended with its work"))
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.noted(held(&*self.open.lock().await)?.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.noted(held(&*self.open.lock().await)?.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.noted(held(&*self.open.lock().await)?.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.noted(held(&*self.open.lock().await)?.query_all_raw(statement).await)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{Database, TransactionTrait};

    use super::*;

    #[tokio::test]
    async fn work_that_takes_too_long_is_given_up() {
        let connection = Database::connect("sqlite::memory:").await.unwrap();
        let open = connection.begin().await.unwrap();
        let (done, open, _) = run(open, Duration::from_millis(50), async |tx: Tx| {
            tx.execute_unprepared("CREATE TABLE half (done integer)").await?;
            std::future::pending::<Result<(), DbErr>>().await
        })
        .await;
        assert!(done.unwrap_err().to_string().contains("too long"));
        end(open, false).await.unwrap();
        assert!(connection.execute_unprepared("SELECT * FROM half").await.is_err());
    }
}
