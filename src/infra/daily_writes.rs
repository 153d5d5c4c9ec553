//! The bytes of request bodies that an account sends on a day, in UTC, and their limit.
//!
//! They are counted in memory and stored in batches. A process that is killed loses the bytes since its last batch.
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use entity::daily_write::{ActiveModel, Column, Entity};
use parking_lot::{Mutex, MutexGuard};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, QueryFilter, Set,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    clock::Clock,
    db::{Db, Tx},
    metrics::Counter,
};
use crate::domain::result_ext::ResultExt;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Bytes of one account that are stored without waiting for the next batch.
const MAX_PENDING: u64 = 1 << 20;

/// The interval of the batches.
const INTERVAL: Duration = Duration::from_secs(10);

/// Rows per statement.
const BATCH: usize = 500;

/// The bytes of all accounts. Clones share them.
#[derive(Clone)]
pub struct DailyWrites {
    db: Db,
    clock: Clock,
    /// `None` if there is no limit.
    limit: Option<u64>,
    today: Arc<Mutex<Today>>,
    rejections: Arc<Counter>,
}

#[derive(Default)]
struct Today {
    day: i64,
    accounts: HashMap<Uuid, DailyUsage>,
}

/// The bytes of one account on one day.
#[derive(Default, Clone, Copy)]
struct DailyUsage {
    /// The stored bytes of all processes, as of the last batch.
    stored: u64,
    /// The bytes of this process that are not stored yet.
    pending: u64,
}

impl DailyWrites {
    /// Creates the counters. `limit` is the maximum number of bytes per account and day; 0 disables it.
    pub fn new(db: Db, clock: Clock, limit: u64) -> Self {
        let limit = (limit > 0).then_some(limit);
        DailyWrites { db, clock, limit, today: Arc::default(), rejections: Arc::default() }
    }

    /// Counts `bytes` that an account is about to send. If they exceed the limit, counts nothing and returns the seconds
    /// until the next day.
    pub async fn admit(&self, account: Uuid, bytes: u64) -> Result<Option<u64>, DbErr> {
        let Some(limit) = self.limit else { return Ok(None) };
        let is_known = self.today(self.clock.now()).accounts.contains_key(&account);
        if !is_known {
            self.load(account, self.clock.now()).await?;
        }
        let now = self.clock.now();
        let pending = {
            let mut today = self.today(now);
            let usage = today.accounts.entry(account).or_default();
            let used = usage.stored + usage.pending;
            // A body of unknown length is admitted as 0 bytes, but not at the limit.
            if used >= limit || bytes > limit - used {
                self.rejections.increment();
                return Ok(Some((DAY - now.rem_euclid(DAY)).unsigned_abs().div_ceil(1000)));
            }
            usage.pending += bytes;
            usage.pending
        };
        if pending >= MAX_PENDING {
            self.flush().await.ok_or_log("storing the bytes that accounts have written");
        }
        Ok(None)
    }

    /// Returns the number of requests that this process has rejected.
    pub fn rejections(&self) -> u64 {
        self.rejections.get()
    }

    /// Counts bytes that an account has sent beyond the admitted ones.
    pub fn add(&self, account: Uuid, bytes: u64) {
        if self.limit.is_some() {
            self.today(self.clock.now()).accounts.entry(account).or_default().pending += bytes;
        }
    }

    /// Stores the bytes since the last batch, and reads those of other processes.
    pub async fn flush(&self) -> Result<(), DbErr> {
        let (day, pending) = {
            let mut today = self.today(self.clock.now());
            let accounts = today.accounts.iter_mut().filter(|(_, usage)| usage.pending > 0);
            // Until they are stored, they count as stored. Ordered, so that two processes lock rows in one order.
            let pending: BTreeMap<Uuid, u64> = accounts
                .map(|(account, usage)| {
                    let bytes = std::mem::take(&mut usage.pending);
                    usage.stored += bytes;
                    (*account, bytes)
                })
                .collect();
            (today.day, pending)
        };
        let mut pending: Vec<(Uuid, u64)> = pending.into_iter().collect();
        while !pending.is_empty() {
            let rest = pending.split_off(pending.len().min(BATCH));
            match self.store(day, &pending).await {
                Ok(stored) => {
                    self.update(day, stored, |usage, sum| usage.stored = Ord::max(usage.stored, sum))
                }
                Err(error) => {
                    let unstored = pending.into_iter().chain(rest);
                    self.update(day, unstored, |usage, bytes| {
                        usage.stored = usage.stored.saturating_sub(bytes);
                        usage.pending += bytes;
                    });
                    return Err(error);
                }
            }
            pending = rest;
        }
        Ok(())
    }

    /// Changes the bytes of accounts unless the day has ended.
    fn update(
        &self,
        day: i64,
        accounts: impl IntoIterator<Item = (Uuid, u64)>,
        change: impl Fn(&mut DailyUsage, u64),
    ) {
        let mut today = self.today(self.clock.now());
        if today.day == day {
            for (account, bytes) in accounts {
                change(today.accounts.entry(account).or_default(), bytes);
            }
        }
    }

    /// Adds bytes to the stored ones, and returns the sums.
    async fn store(&self, day: i64, batch: &[(Uuid, u64)]) -> Result<Vec<(Uuid, u64)>, DbErr> {
        let rows = batch.iter().map(|(account, bytes)| ActiveModel {
            user_id: Set(*account),
            day: Set(day),
            bytes: Set(i64::try_from(*bytes).unwrap_or(i64::MAX)),
        });
        let sum = Expr::col((Entity, Column::Bytes)).add(Expr::col((excluded(), Column::Bytes)));
        let add = OnConflict::columns([Column::UserId, Column::Day]).value(Column::Bytes, sum).to_owned();
        let insert = Entity::insert_many(rows).on_conflict(add);
        let accounts: Vec<Uuid> = batch.iter().map(|(account, _)| *account).collect();
        let rows = self.db.write(async move |tx: Tx| {
            insert.exec_without_returning(&*tx).await?;
            let sums = Entity::find().filter(Column::Day.eq(day)).filter(Column::UserId.is_in(accounts));
            sums.all(&*tx).await
        });
        Ok(rows.await?.into_iter().map(|row| (row.user_id, u64::try_from(row.bytes).unwrap_or(0))).collect())
    }

    async fn load(&self, account: Uuid, now: i64) -> Result<(), DbErr> {
        let row = Entity::find_by_id((account, now.div_euclid(DAY))).one(self.db.read()).await?;
        let stored = row.map_or(0, |row| u64::try_from(row.bytes).unwrap_or(0));
        let mut today = self.today(now);
        let usage = today.accounts.entry(account).or_default();
        usage.stored = Ord::max(usage.stored, stored);
        Ok(())
    }

    /// Deletes the bytes of earlier days.
    pub async fn delete_expired(&self) -> Result<(), DbErr> {
        let day = self.clock.now().div_euclid(DAY);
        let delete = Entity::delete_many().filter(Column::Day.lt(day));
        self.db.write(async move |tx: Tx| delete.exec(&*tx).await.map(drop)).await
    }

    /// Stores a batch every few seconds.
    pub async fn run_flush_loop(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        loop {
            interval.tick().await;
            self.flush().await.ok_or_log("storing the bytes that accounts have written");
        }
    }

    /// Returns the bytes of the day. The previous day is forgotten.
    fn today(&self, now: i64) -> MutexGuard<'_, Today> {
        let mut today = self.today.lock();
        let day = now.div_euclid(DAY);
        if today.day != day {
            *today = Today { day, accounts: HashMap::new() };
        }
        today
    }
}

/// The row that an upsert could not insert.
fn excluded() -> sea_orm::sea_query::Alias {
    sea_orm::sea_query::Alias::new("excluded")
}
