//! Delivering: what is due for an endpoint is sent, a few at a time, and what came of it is written down. One job for
//! each endpoint, so that nobody is called by more than these few, however many processes there are.
use std::time::Duration;

use aws_lc_rs::rand;
use entity::{webhook_delivery as delivery, webhook_endpoint as endpoint};
use futures_util::{StreamExt, stream};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Set,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    delivery::DeliveryState,
    log::give_up_all,
    secret::signatures,
    service::{WebhookEndpoints, held},
    types::{DisabledReason, EndpointState, WebhookFormat},
};
use crate::{
    contract::{
        problem::{Error, Result},
        secret::Secret,
        time::Timestamp,
    },
    ports::{
        db::Tx,
        outgoing::{Answer, Patience, Refused},
        queue::{Claimed, Failed, Lane, NewJob},
    },
};

pub const DELIVER: &str = "webhooks.deliver";

/// How many calls an endpoint gets at once.
pub const MOST_AT_A_TIME: usize = 4;

/// For how long an endpoint is waited for, and how much of its answer is read.
pub const PATIENCE: Patience = Patience { time: Duration::from_secs(15), body: 64 << 10 };

/// Deliveries of one run, so that it ends in time.
const SOME: u64 = 64;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The pauses between attempts, each a fifth more or less.
const PAUSES: [i64; 7] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

/// The longest pause that an endpoint can ask for.
const LONGEST: i64 = 24 * HOUR;

/// An endpoint that has failed for so long is called no more.
const GIVEN_UP: i64 = 5 * 24 * HOUR;

/// The most of an error and of an answer that is kept.
const WORDS: usize = 500;
const EXCERPT: usize = 1000;

#[derive(Serialize, Deserialize)]
struct About {
    endpoint: Uuid,
}

/// Under which key the job of an endpoint waits.
pub fn key(endpoint: Uuid) -> String {
    format!("webhooks of {endpoint}")
}

/// Leaves the job of an endpoint.
pub async fn ask(tx: &Tx, endpoint: Uuid, at: i64, now: i64) -> Result<(), DbErr> {
    let job = NewJob::new(DELIVER, &About { endpoint })?.lane(Lane::Outside).unique(key(endpoint));
    tx.later(job.at(at).attempts(i32::MAX), now).await.map(|_| ())
}

impl WebhookEndpoints {
    /// Delivers what is due for an endpoint, and leaves the rest for its time.
    pub async fn deliver(&self, job: &Claimed) -> Result<(), Failed> {
        let About { endpoint } = job.data()?;
        let due = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::Id)
            .filter(delivery::Column::EndpointId.eq(endpoint))
            .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
            .filter(delivery::Column::NextAt.lte(self.clock.now()))
            .order_by_asc(delivery::Column::NextAt)
            .order_by_asc(delivery::Column::Id)
            .limit(SOME);
        let due: Vec<Uuid> = due.into_tuple().all(self.db.read()).await?;
        let attempts = stream::iter(due).map(|id| {
            let endpoints = self.clone();
            async move { endpoints.attempt(id).await }
        });
        let done: Vec<Result<()>> = attempts.buffer_unordered(MOST_AT_A_TIME).collect().await;
        done.into_iter().collect::<Result<Vec<()>>>().map_err(Failed::new)?;
        let (job, now) = (job.clone(), self.clock.now());
        self.db
            .write(async move |tx: Tx| {
                // One that is gone or disabled meanwhile asks for nothing more, and took this job with it.
                let called = match held(&tx, endpoint.into()).await {
                    Err(Error::NotFound(_)) => false,
                    held => EndpointState::parse(&held?.state) == EndpointState::Enabled,
                };
                if !called {
                    return Ok(());
                }
                job.finish(&tx, now).await?;
                let next = delivery::Entity::find()
                    .select_only()
                    .column(delivery::Column::NextAt)
                    .filter(delivery::Column::EndpointId.eq(endpoint))
                    .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
                    .order_by_asc(delivery::Column::NextAt);
                match next.into_tuple::<Option<i64>>().one(&*tx).await?.flatten() {
                    Some(at) => Ok(ask(&tx, endpoint, at, now).await?),
                    None => Ok(()),
                }
            })
            .await
            .map_err(|error: Error| Failed::from(error))
    }

    /// Sends a delivery, if it is still to be sent, and writes down what came of it.
    async fn attempt(&self, id: Uuid) -> Result<()> {
        let row = delivery::Entity::find_by_id(id).one(self.db.read()).await?;
        let Some(row) = row.filter(|row| row.state == DeliveryState::Pending.as_str()) else { return Ok(()) };
        let to = endpoint::Entity::find_by_id(row.endpoint_id).one(self.db.read()).await?;
        let Some(to) = to.filter(|to| EndpointState::parse(&to.state) == EndpointState::Enabled) else {
            return Ok(());
        };
        let outcome = Outcome::of(self.send(to, &row).await, self.clock.now());
        let now = self.clock.now();
        self.db.write(async move |tx: Tx| noted(&tx, row, outcome, now).await).await
    }

    async fn send(&self, to: endpoint::Model, row: &delivery::Model) -> Result<Answer, Refused> {
        let now = self.clock.now();
        let previous = to.previous_secret.filter(|_| to.previous_until > Some(now));
        let secrets: Vec<_> = [Some(to.secret), previous]
            .into_iter()
            .flatten()
            .map(|it| Secret::new(it.into_inner()))
            .collect();
        let (id, timestamp) = (row.event_id.to_string(), now / SECOND);
        let signature = signatures(&secrets, &id, timestamp, &row.payload).unwrap_or_default();
        let mut fields = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        if WebhookFormat::parse(&row.format) == WebhookFormat::CloudEvents {
            fields.extend(attributes(row, &self.source));
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.outgoing.post(&to.url, &fields, row.payload.clone().into()).await
    }
}

/// The attributes of a CloudEvent as the HTTP binding has them in binary mode (CloudEvents 1.0.2, HTTP, 3.1.3).
fn attributes(row: &delivery::Model, source: &str) -> [(&'static str, String); 5] {
    [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", row.event_id.to_string()),
        ("ce-source", source.to_owned()),
        ("ce-type", row.kind.clone()),
        ("ce-time", Timestamp(row.occurred_at).to_string()),
    ]
}

/// What came of an attempt.
struct Outcome {
    status: Option<u16>,
    /// Nothing when it arrived.
    error: Option<String>,
    response: Option<String>,
    /// The endpoint wants to be left alone until then.
    not_before: i64,
}

impl Outcome {
    fn of(sent: Result<Answer, Refused>, now: i64) -> Self {
        let answer = match sent {
            Ok(answer) => answer,
            Err(refused) => {
                let error = Some(refused.to_string().chars().take(WORDS).collect());
                return Outcome { status: None, error, response: None, not_before: now };
            }
        };
        let error = match answer.status {
            200..=299 => None,
            status @ 300..=399 => Some(format!("answered with {status}, and redirects are not followed")),
            status => Some(format!("answered with {status}")),
        };
        let wait = answer.retry_after.as_deref().and_then(|text| wait(text, now)).unwrap_or_default();
        Outcome {
            status: Some(answer.status),
            error,
            response: Some(excerpt(&answer.body)).filter(|text| !text.is_empty()),
            not_before: now + wait.clamp(0, LONGEST),
        }
    }
}

/// The milliseconds that `Retry-After` asks for: seconds or a date (RFC 9110, 10.2.3).
fn wait(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse::<i64>().unwrap_or(LONGEST).saturating_mul(SECOND));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.timestamp_millis() - now)
}

/// The beginning of an answer, as text that every database keeps.
fn excerpt(body: &[u8]) -> String {
    let shown = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER,
        letter => letter,
    };
    // Of a letter there are at most four bytes.
    let some = &body[..body.len().min(EXCERPT * 4)];
    String::from_utf8_lossy(some).trim().chars().take(EXCERPT).map(shown).collect()
}

/// When an attempt that was the nth is followed by another.
fn next(attempts: i32, now: i64) -> Option<i64> {
    let pause = PAUSES.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    let mut byte = [0; 1];
    // Without a random number what failed together comes back together, and that is all.
    let _ = rand::fill(&mut byte);
    Some(now + (*pause as f64 * (0.8 + 0.4 * f64::from(byte[0]) / 255.0)) as i64)
}

/// Writes down what came of an attempt; also of the endpoint, which may be called no more.
async fn noted(tx: &Tx, sent: delivery::Model, outcome: Outcome, now: i64) -> Result<()> {
    let endpoint = match held(tx, sent.endpoint_id.into()).await {
        Err(Error::NotFound(_)) => return Ok(()),
        endpoint => endpoint?,
    };
    let known = delivery::Entity::find_by_id(sent.id).lock_exclusive().one(&**tx).await?;
    // Given up, or asked for anew, meanwhile.
    let Some(known) = known.filter(|known| known.version == sent.version) else { return Ok(()) };
    let (attempts, version) = (known.attempts + 1, known.version + 1);
    let gone = outcome.status == Some(410);
    let arrived = outcome.error.is_none();
    let at = match arrived || gone {
        true => None,
        false => next(attempts, now).map(|at| at.max(outcome.not_before)),
    };
    let state = match (arrived, at) {
        (true, _) => DeliveryState::Delivered,
        (false, Some(_)) => DeliveryState::Pending,
        (false, None) => DeliveryState::Failed,
    };
    let mut row = known.into_active_model();
    row.state = Set(state.as_str().to_owned());
    row.attempts = Set(attempts);
    row.last_status = Set(outcome.status.map(i32::from));
    row.last_error = Set(outcome.error);
    row.response = Set(outcome.response);
    row.next_at = Set(at);
    row.delivered_at = Set(arrived.then_some(now));
    row.version = Set(version);
    row.updated_at = Set(now);
    row.update(&**tx).await?;
    stands(tx, endpoint, arrived, gone, now).await
}

/// What an attempt says of its endpoint.
async fn stands(tx: &Tx, endpoint: endpoint::Model, arrived: bool, gone: bool, now: i64) -> Result<()> {
    let failing = (!arrived).then(|| endpoint.failing_since.unwrap_or(now));
    let reason = match failing {
        Some(_) if gone => Some(DisabledReason::Gone),
        Some(since) if now - since >= GIVEN_UP => Some(DisabledReason::Failing),
        _ => None,
    };
    if failing == endpoint.failing_since && reason.is_none() {
        return Ok(());
    }
    let (id, version, enabled) = (endpoint.id, endpoint.version, endpoint.state == "enabled");
    let mut row = endpoint.into_active_model();
    row.failing_since = Set(failing);
    if let Some(reason) = reason.filter(|_| enabled) {
        tracing::warn!(%id, reason = reason.as_str(), "a webhook endpoint is called no more");
        row.state = Set(EndpointState::Disabled.as_str().to_owned());
        row.disabled_reason = Set(Some(reason.as_str().to_owned()));
        row.version = Set(version + 1);
        row.updated_at = Set(now);
        give_up_all(tx, id, now).await?;
    }
    row.update(&**tx).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        for (attempts, pause) in (1..).zip(PAUSES) {
            for _ in 0..20 {
                let at = next(attempts, 0).expect("another attempt");
                assert!((pause * 8 / 10..=pause * 12 / 10).contains(&at), "{attempts}: {at}");
            }
        }
        assert_eq!(next(8, 0), None);
        assert_eq!(next(0, 0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait("120", 0), Some(120_000));
        assert_eq!(wait("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), Some(40_000));
        assert_eq!(wait("99999999999999999999", 0), Some(LONGEST * SECOND));
        assert_eq!(wait("soon", 0), None);
        assert_eq!(wait("-3", 0), None);
    }

    #[test]
    fn an_excerpt_is_bounded_text() {
        assert_eq!(excerpt(b" no\0good\n"), "no\u{fffd}good");
        assert_eq!(excerpt("ä".repeat(5000).as_bytes()).chars().count(), EXCERPT);
        assert_eq!(excerpt(&[0xff; 9000]).chars().count(), EXCERPT);
    }
}
