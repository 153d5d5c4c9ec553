//! Rate limits that all processes with one database share. The only writer of the `shared_limits` table.
//!
//! One statement counts an attempt against all limits that apply to it, so concurrent attempts cannot exceed them. The keys
//! are keyed hashes: the table contains neither addresses of clients nor e-mail addresses.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use entity::shared_limit::{ActiveModel, Column, Entity, Model};
use ring::hmac;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::{Expr, OnConflict, Order, Query},
};

use super::{
    clock::Clock,
    db::{Db, Tx},
    metrics::Counter,
    rate_limiter::ExceededLimit,
};
use crate::domain::result_ext::ResultExt;

/// Failures without a delay.
const FREE_FAILURES: i32 = 5;
/// The delay in milliseconds after [`FREE_FAILURES`]. It doubles with each further failure.
const FIRST_DELAY: i64 = 1_000;
const MAX_DELAY: i64 = 15 * 60_000;
/// The failures after which the delay is [`MAX_DELAY`]: the smallest `n` with `FIRST_DELAY * 2^(n - 5) >= MAX_DELAY`.
const MAX_DELAY_FAILURES: i32 = 15;
/// The time in milliseconds after which failures are forgotten.
const FAILURES_LIFETIME: i64 = 24 * 3_600_000;

/// Rows that remain after [`SharedLimits::trim`]. Each takes about 200 bytes.
pub const MAX_ROWS: u64 = 100_000;
/// Attempts of a process between two calls of [`SharedLimits::trim`]. It bounds the rows between them.
const TRIM_INTERVAL: u64 = 500;

/// A number of attempts per time, all of which may occur at once.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    pub name: &'static str,
    pub attempts: u32,
    pub window_seconds: u32,
}

/// The rule of a limit.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// Counts with the generic cell rate algorithm.
    Quota(Quota),
    /// A delay that grows with each failure, by its name. An attempt counts as a failure until [`SharedLimits::reset`].
    Delay(&'static str),
}

/// A limit and what it counts.
#[derive(Debug, Clone)]
pub struct SharedLimit {
    rule: Rule,
    key: String,
}

/// An attempt was not counted.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    #[error("too many attempts")]
    Exceeded(ExceededLimit),
    #[error(transparent)]
    Storage(#[from] DbErr),
}

/// The limits of one service; `None` if rate limits are off.
#[derive(Clone)]
pub struct SharedLimits(Option<Arc<Shared>>);

struct Shared {
    db: Db,
    clock: Clock,
    key: hmac::Key,
    counted: AtomicU64,
    rejections: Vec<(&'static str, Counter)>,
}

impl SharedLimits {
    /// Creates limits whose keys are hashed with `key`. The rejections by the limits with these names are counted.
    pub fn new(db: Db, clock: Clock, key: hmac::Key, names: &[&'static str]) -> Self {
        let rejections = names.iter().map(|name| (*name, Counter::new())).collect();
        SharedLimits(Some(Arc::new(Shared { db, clock, key, counted: AtomicU64::new(0), rejections })))
    }

    /// Returns the number of attempts that this process has rejected, by limit; none if rate limits are off.
    pub fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = self.0.iter().flat_map(|shared| &shared.rejections);
        all.map(|(name, count)| (*name, count.get()))
    }

    pub fn off() -> Self {
        SharedLimits(None)
    }

    /// Returns the limit of this rule for a subject, such as an address.
    pub fn limit(&self, rule: Rule, subject: &str) -> SharedLimit {
        let name = match rule {
            Rule::Quota(quota) => quota.name,
            Rule::Delay(name) => name,
        };
        let hash =
            |shared: &Arc<Shared>| hmac::sign(&shared.key, format!("limit\n{name}\n{subject}").as_bytes());
        let key =
            self.0.as_ref().map_or_else(String::new, |shared| BASE64_URL_SAFE_NO_PAD.encode(hash(shared)));
        SharedLimit { rule, key }
    }

    /// Returns an error if one of the limits is exceeded. Counts nothing.
    pub async fn check(&self, limits: &[SharedLimit]) -> Result<(), LimitError> {
        let Some(shared) = self.0.as_ref().filter(|_| !limits.is_empty()) else { return Ok(()) };
        match exceeded(shared.db.read(), limits, shared.clock.now()).await? {
            Some(exceeded) => Err(shared.rejected(exceeded)),
            None => Ok(()),
        }
    }

    /// Counts an attempt against all limits, or against none if one of them is exceeded.
    pub async fn count(&self, limits: Vec<SharedLimit>) -> Result<(), LimitError> {
        let Some(shared) = self.0.as_ref().filter(|_| !limits.is_empty()) else { return Ok(()) };
        let now = shared.clock.now();
        let counted = shared.db.write(async move |tx: Tx| count(&tx, &limits, now).await).await;
        if let Err(LimitError::Exceeded(exceeded)) = counted {
            return Err(shared.rejected(exceeded));
        }
        counted?;
        if shared.counted.fetch_add(1, Ordering::Relaxed) % TRIM_INTERVAL == TRIM_INTERVAL - 1 {
            self.trim().await.ok_or_log("deleting expired limits");
        }
        Ok(())
    }

    /// Deletes the state of a limit: no failure is counted.
    pub async fn reset(&self, tx: &Tx, limit: &SharedLimit) -> Result<(), DbErr> {
        if self.0.is_some() {
            Entity::delete_by_id(&limit.key).exec(&**tx).await?;
        }
        Ok(())
    }

    /// Deletes expired rows, and rows beyond [`MAX_ROWS`].
    pub async fn trim(&self) -> Result<(), DbErr> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let now = shared.clock.now();
        shared
            .db
            .write(async move |tx: Tx| {
                Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(&*tx).await?;
                let rows = Entity::find().count(&*tx).await?;
                if rows > MAX_ROWS {
                    delete_excess(&tx, rows - MAX_ROWS).await?;
                }
                Ok(())
            })
            .await
    }
}

impl Shared {
    /// Counts a rejected attempt and returns its error.
    fn rejected(&self, exceeded: ExceededLimit) -> LimitError {
        if let Some((_, count)) = self.rejections.iter().find(|(name, _)| *name == exceeded.name) {
            count.increment();
        }
        LimitError::Exceeded(exceeded)
    }
}

/// Deletes rows: first those of delays that have not begun, those with the fewest failures first, and then those that expire
/// first. Attempts on invented accounts therefore do not end the delay of an account.
async fn delete_excess(tx: &Tx, rows: u64) -> Result<(), DbErr> {
    let rank = format!("CASE WHEN failures = 0 THEN {FREE_FAILURES} ELSE failures END");
    let excess = Query::select()
        .column(Column::Key)
        .from(Entity)
        .order_by_expr(Expr::cust(rank), Order::Asc)
        .order_by(Column::ExpiresAt, Order::Asc)
        .limit(rows)
        .take();
    Entity::delete_many().filter(Column::Key.in_subquery(excess)).exec(&**tx).await.map(drop)
}

/// Counts an attempt. An error rolls the transaction back, so that a rejected attempt is not counted at all: otherwise a client
/// beyond its limit would exhaust that of the blocks around it.
async fn count(tx: &Tx, limits: &[SharedLimit], now: i64) -> Result<(), LimitError> {
    let mut rows: Vec<Model> = limits.iter().map(|limit| limit.first_row(now)).collect();
    // Locked in one order, because two attempts can have several keys in common.
    rows.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    let expected = rows.len() as u64;
    let rows = rows.into_iter().map(IntoActiveModel::<ActiveModel>::into_active_model);
    let counted = Entity::insert_many(rows).on_conflict(on_conflict()).exec_without_returning(&**tx).await?;
    if counted == expected {
        return Ok(());
    }
    let found = exceeded(&**tx, limits, now).await?;
    // The rows are locked, so one of them rejects the attempt. The fallback is not reached.
    Err(match (found, limits.first()) {
        (Some(exceeded), _) => LimitError::Exceeded(exceeded),
        (None, Some(first)) => LimitError::Exceeded(first.exceeded(&first.first_row(now), 1_000)),
        (None, None) => DbErr::RecordNotInserted.into(),
    })
}

/// The stored state is that of an absent row. An arrival after the end of a row is from a clock that was set back.
const IS_FRESH: &str = "(CASE WHEN excluded.failures = 0 THEN shared_limits.arrival <= excluded.counted_at
    ELSE shared_limits.expires_at <= excluded.counted_at END OR shared_limits.arrival > excluded.expires_at)";

/// Counts an attempt against a stored row, unless its limit is exceeded. [`SharedLimit::wait`] is the same condition.
///
/// The inserted row has the parameters of the limit: its interval is `arrival - counted_at`, and its tolerance
/// `expires_at - arrival`. Rows that are not updated are missing in the number of affected rows.
fn on_conflict() -> OnConflict {
    let (free, last) = (FREE_FAILURES - 1, MAX_DELAY_FAILURES - 2);
    let delay = format!(
        "CASE WHEN shared_limits.failures < {free} THEN 0 WHEN shared_limits.failures > {last} THEN {MAX_DELAY}
         ELSE {FIRST_DELAY} * (1 << (shared_limits.failures - {free})) END"
    );
    let arrival = format!(
        "CASE WHEN {IS_FRESH} THEN excluded.arrival
         WHEN excluded.failures = 0 THEN shared_limits.arrival + excluded.arrival - excluded.counted_at
         ELSE excluded.counted_at + {delay} END"
    );
    let failures = format!(
        "CASE WHEN {IS_FRESH} THEN excluded.failures ELSE shared_limits.failures + excluded.failures END"
    );
    let is_allowed = format!(
        "{IS_FRESH} OR shared_limits.arrival - excluded.counted_at <=
         CASE WHEN excluded.failures = 0 THEN excluded.expires_at - excluded.arrival ELSE 0 END"
    );
    OnConflict::column(Column::Key)
        .update_columns([Column::CountedAt, Column::ExpiresAt])
        .value(Column::Arrival, Expr::cust(arrival))
        .value(Column::Failures, Expr::cust(failures))
        .action_and_where(Expr::cust(is_allowed))
        .to_owned()
}

/// Returns the exceeded limit with the longest wait, if there is one.
async fn exceeded(
    connection: &impl ConnectionTrait,
    limits: &[SharedLimit],
    now: i64,
) -> Result<Option<ExceededLimit>, DbErr> {
    let keys = limits.iter().map(|limit| limit.key.as_str());
    let rows = Entity::find().filter(Column::Key.is_in(keys)).all(connection).await?;
    let waits = rows.iter().filter_map(|row| {
        let limit = limits.iter().find(|limit| limit.key == row.key)?;
        Some((limit.wait(row, now), limit, row))
    });
    let longest = waits.max_by_key(|(wait, ..)| *wait).filter(|(wait, ..)| *wait > 0);
    Ok(longest.map(|(wait, limit, row)| limit.exceeded(row, wait)))
}

impl SharedLimit {
    /// Returns the row after the first attempt.
    fn first_row(&self, now: i64) -> Model {
        let (interval, lifetime, failures) = match self.rule {
            Rule::Quota(quota) => {
                let window = i64::from(quota.window_seconds) * 1_000;
                (window / i64::from(quota.attempts.max(1)), window, 0)
            }
            Rule::Delay(_) => (0, FAILURES_LIFETIME, 1),
        };
        let (arrival, expires_at) = (now + interval, now + lifetime);
        Model { key: self.key.clone(), counted_at: now, arrival, failures, expires_at }
    }

    /// Returns the milliseconds until an attempt is accepted; 0 if it is accepted now.
    fn wait(&self, row: &Model, now: i64) -> i64 {
        let first = self.first_row(now);
        let is_delay = first.failures > 0;
        let end = if is_delay { row.expires_at } else { row.arrival };
        if end <= now || row.arrival > first.expires_at {
            return 0;
        }
        let tolerance = if is_delay { 0 } else { first.expires_at - first.arrival };
        (row.arrival - now - tolerance).max(0)
    }

    fn exceeded(&self, row: &Model, wait: i64) -> ExceededLimit {
        let seconds = |millis: i64| millis.max(1).unsigned_abs().div_ceil(1_000);
        let retry_after_seconds = seconds(wait);
        match self.rule {
            Rule::Quota(Quota { name, attempts, window_seconds }) => ExceededLimit {
                name,
                quota: attempts,
                window_seconds: window_seconds.into(),
                retry_after_seconds,
                is_delay: false,
            },
            // One attempt per delay.
            Rule::Delay(name) => ExceededLimit {
                name,
                quota: 1,
                window_seconds: seconds(row.arrival - row.counted_at),
                retry_after_seconds,
                is_delay: true,
            },
        }
    }
}
