//! Rate limits that processes share: quotas, delays, concurrent attempts, and the bounds of the table.
use entity::shared_limit;
use ring::hmac;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use tenon::infra::{
    clock::Clock,
    db::{Db, Tx},
    rate_limiter::ExceededLimit,
    shared_limits::{LimitError, MAX_ROWS, Quota, Rule, SharedLimit, SharedLimits},
};

use crate::support::*;

const START: i64 = 1_795_251_600_000;
const QUOTA: Rule = Rule::Quota(Quota { name: "quota", attempts: 10, window_seconds: 60 });
const DELAY: Rule = Rule::Delay("delay");

fn limits(db: &Db, clock: &Clock) -> SharedLimits {
    SharedLimits::new(db.clone(), clock.clone(), hmac::Key::new(hmac::HMAC_SHA256, b"key"), &[])
}

/// Returns the exceeded limit of an attempt that was not counted.
fn rejection(result: Result<(), LimitError>) -> Option<ExceededLimit> {
    match result {
        Ok(()) => None,
        Err(LimitError::Exceeded(exceeded)) => Some(exceeded),
        Err(LimitError::Storage(error)) => panic!("{error}"),
    }
}

async fn count(limits: &SharedLimits, counted: &[SharedLimit]) -> Option<u64> {
    rejection(limits.count(counted.to_vec()).await).map(|exceeded| exceeded.retry_after_seconds)
}

async fn rows(db: &Db) -> u64 {
    shared_limit::Entity::find().count(db.read()).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_attempts_of_two_processes_cannot_exceed_a_limit() {
    let db = migrated().await;
    let clock = Clock::fixed(START);
    let processes = [limits(&db, &clock), limits(&db, &clock)];
    for (rule, expected) in [(QUOTA, 10), (DELAY, 5)] {
        let attempts = (0..40).map(|number| {
            let limits = processes[number % 2].clone();
            tokio::spawn(async move { count(&limits, &[limits.limit(rule, "client")]).await })
        });
        let results = futures_util::future::join_all(attempts).await;
        let allowed = results.into_iter().filter(|result| result.as_ref().expect("completes").is_none());
        assert_eq!(allowed.count(), expected, "{rule:?}");
    }
}

#[tokio::test]
async fn a_rejected_attempt_counts_against_none_of_its_limits() {
    let db = migrated().await;
    let limits = limits(&db, &Clock::fixed(START));
    let [narrow, wide, delay] =
        [limits.limit(QUOTA, "narrow"), limits.limit(QUOTA, "wide"), limits.limit(DELAY, "account")];
    for _ in 0..10 {
        assert_eq!(count(&limits, std::slice::from_ref(&narrow)).await, None);
    }
    for _ in 0..20 {
        assert_eq!(count(&limits, &[narrow.clone(), wide.clone(), delay.clone()]).await, Some(6));
    }
    assert_eq!(rows(&db).await, 1, "the other limits have no attempt");
    for _ in 0..10 {
        assert_eq!(count(&limits, std::slice::from_ref(&wide)).await, None);
    }
}

#[tokio::test]
async fn the_delay_doubles_up_to_fifteen_minutes_and_ends_with_a_success() {
    let db = migrated().await;
    let clock = Clock::fixed(START);
    let limits = limits(&db, &clock);
    let delay = limits.limit(DELAY, "account");
    for _ in 0..4 {
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, None);
    }
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, None);
        let exceeded = rejection(limits.check(std::slice::from_ref(&delay)).await).expect("delayed");
        assert_eq!((exceeded.retry_after_seconds, exceeded.window_seconds), (seconds, seconds));
        assert!(exceeded.is_delay && exceeded.quota == 1);
        clock.advance(seconds as i64 * 1000 - 1);
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, Some(1));
        clock.advance(1);
    }
    let (owner, reset) = (limits.clone(), delay.clone());
    db.write(async move |tx: Tx| owner.reset(&tx, &reset).await).await.expect("written");
    for _ in 0..5 {
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, None);
    }
    assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, Some(1));
    clock.advance(24 * 3_600_000);
    for _ in 0..5 {
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, None, "failures expire after a day");
    }
}

#[tokio::test]
async fn the_check_before_an_attempt_agrees_with_the_statement_that_counts_it() {
    let db = migrated().await;
    let clock = Clock::fixed(START);
    let limits = limits(&db, &clock);
    let known = [limits.limit(QUOTA, "a"), limits.limit(QUOTA, "b"), limits.limit(DELAY, "a")];
    let (mut state, mut rejected) = (7_u64, 0);
    for step in 0..600 {
        // A linear congruential generator: the sequence is the same in each run.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (state >> 33) as i64;
        clock.advance(match random % 50 {
            0 => 100_000,
            // The clock is set back.
            1 => -200_000,
            _ => random % 3_000,
        });
        let limit = &known[(random / 50 % 3) as usize];
        let checked = rejection(limits.check(std::slice::from_ref(limit)).await);
        let counted = rejection(limits.count(vec![limit.clone()]).await);
        assert_eq!(checked, counted, "step {step}: {limit:?}");
        rejected += usize::from(counted.is_some());
    }
    assert!((50..550).contains(&rejected), "{rejected}");
}

#[tokio::test]
async fn the_table_is_bounded_and_retains_the_delays() {
    let db = migrated().await;
    let clock = Clock::fixed(START);
    let limits = limits(&db, &clock);
    let delay = limits.limit(DELAY, "account");
    for _ in 0..5 {
        assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, None);
    }
    let insert = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
         INSERT INTO shared_limits SELECT CAST(i AS TEXT), {START}, {START}, 1, {START} + 90000000 + i FROM n",
        MAX_ROWS + 5_000
    );
    db.write(async move |tx: Tx| tx.execute_unprepared(&insert).await).await.expect("written");
    for number in 0..500 {
        limits.count(vec![limits.limit(QUOTA, &format!("client {number}"))]).await.expect("counted");
    }
    let remaining = rows(&db).await;
    assert!(remaining <= MAX_ROWS + 500, "the attempts themselves bound the table: {remaining} rows");
    assert_eq!(count(&limits, std::slice::from_ref(&delay)).await, Some(1), "the delay is not evicted");
    clock.advance(48 * 3_600_000);
    limits.trim().await.expect("trimmed");
    assert_eq!(rows(&db).await, 0, "expired rows are deleted");
}
