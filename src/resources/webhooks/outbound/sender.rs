//! Sends due deliveries and records the results. Each endpoint has one job, so that the limit of concurrent
//! requests per endpoint also holds with several processes.
use std::time::Duration;

use entity::{webhook_delivery as delivery, webhook_endpoint as endpoint};
use futures_util::{StreamExt, stream};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Set,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    deliveries::fail_pending,
    own_headers, sealed_secrets,
    secret::signatures,
    service::{WebhookEndpoints, load_for_update},
    types::{DeliveryState, DisabledReason, EndpointState, WebhookFormat},
};
use crate::{
    domain::{audit::AuditAction, secret::Secret, timestamp::Timestamp},
    http::problem::{Error, Result},
    infra::{
        audit_log::{Changes, NewEntry},
        db::Tx,
        http_client::{HttpResponse, OwnHeader, Timeouts},
        jitter::jitter,
        queue::{ClaimedJob, JobError, NewJob, Queue},
    },
};

/// Kind of the job that sends the due deliveries of an endpoint.
pub const DELIVER_JOB: &str = "webhooks.deliver";

/// Concurrent requests to one endpoint.
pub const MAX_CONCURRENT_REQUESTS: usize = 4;

/// Timeout of a request, and maximum number of bytes that are read from a response body.
pub const TIMEOUTS: Timeouts = Timeouts { total: Duration::from_secs(15), max_body_bytes: 64 << 10 };

/// Maximum number of deliveries in one run of the job. It limits the duration of a run.
const BATCH: u64 = 64;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Delays between attempts in milliseconds, before jitter of ±20 %.
const RETRY_DELAYS: [i64; 7] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];

/// Maximum delay that `Retry-After` can request.
const MAX_RETRY_AFTER: i64 = 24 * HOUR;

/// Time of continuous failures after which an endpoint is disabled, in milliseconds: 5 days.
const DISABLE_AFTER: i64 = 5 * 24 * HOUR;

/// Maximum number of characters of an error and of a response body that are stored.
const MAX_ERROR: usize = 500;
const MAX_EXCERPT: usize = 1000;

#[derive(Serialize, Deserialize)]
struct DeliverJob {
    endpoint: Uuid,
}

/// Returns the unique key of the job of an endpoint.
pub fn job_key(endpoint: Uuid) -> String {
    format!("webhooks of {endpoint}")
}

/// Enqueues the job of an endpoint, or updates the time of the queued one.
pub async fn enqueue(tx: &Tx, endpoint: Uuid, at: i64, now: i64) -> Result<(), DbErr> {
    let job = NewJob::new(DELIVER_JOB, &DeliverJob { endpoint })?
        .queue(Queue::External)
        .unique_key(job_key(endpoint));
    tx.enqueue(job.run_at(at).max_attempts(i32::MAX), now).await.map(|_| ())
}

impl WebhookEndpoints {
    /// Sends the due deliveries of an endpoint, and enqueues the job again for the next pending one.
    pub async fn deliver(&self, job: &ClaimedJob) -> Result<(), JobError> {
        let DeliverJob { endpoint } = job.data()?;
        let due = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::Id)
            .filter(delivery::Column::EndpointId.eq(endpoint))
            .filter(delivery::Column::State.eq(DeliveryState::Pending))
            .filter(delivery::Column::NextAt.lte(self.clock.now()))
            .order_by_asc(delivery::Column::NextAt)
            .order_by_asc(delivery::Column::Id)
            .limit(BATCH);
        let due: Vec<Uuid> = due.into_tuple().all(self.db.read()).await?;
        let attempts = stream::iter(due).map(|id| {
            let endpoints = self.clone();
            async move { endpoints.attempt(id).await }
        });
        let results: Vec<Result<()>> = attempts.buffer_unordered(MAX_CONCURRENT_REQUESTS).collect().await;
        results.into_iter().collect::<Result<Vec<()>>>().map_err(JobError::new)?;
        let (job, now) = (job.clone(), self.clock.now());
        self.db
            .write(async move |tx: Tx| {
                // If the endpoint was deleted or disabled during the run, the same transaction canceled this
                // job.
                let enabled = match load_for_update(&tx, endpoint.into()).await {
                    Err(Error::NotFound(_)) => false,
                    endpoint => endpoint?.state == EndpointState::Enabled,
                };
                if !enabled {
                    return Ok(());
                }
                // Finishing and enqueuing share a transaction: a crash in between would leave pending
                // deliveries without a job.
                job.finish(&tx, now).await?;
                let next = delivery::Entity::find()
                    .select_only()
                    .column(delivery::Column::NextAt)
                    .filter(delivery::Column::EndpointId.eq(endpoint))
                    .filter(delivery::Column::State.eq(DeliveryState::Pending))
                    .order_by_asc(delivery::Column::NextAt);
                match next.into_tuple::<Option<i64>>().one(&*tx).await?.flatten() {
                    Some(at) => Ok(enqueue(&tx, endpoint, at, now).await?),
                    None => Ok(()),
                }
            })
            .await
            .map_err(|error: Error| JobError::from(error))
    }

    /// Sends a delivery if it is still pending, and counts and records the result.
    async fn attempt(&self, id: Uuid) -> Result<()> {
        let row = delivery::Entity::find_by_id(id).one(self.db.read()).await?;
        let Some(row) = row.filter(|row| row.state == DeliveryState::Pending) else { return Ok(()) };
        let target = endpoint::Entity::find_by_id(row.endpoint_id).one(self.db.read()).await?;
        let Some(target) = target.filter(|target| target.state == EndpointState::Enabled) else {
            return Ok(());
        };
        let secrets = self.open_secrets(&target)?;
        let own = own_headers::open(&self.sealer, &target)?;
        let outcome = Outcome::of(self.send(target, secrets, own, &row).await, self.clock.now());
        let now = self.clock.now();
        let state = self.db.write(async move |tx: Tx| record_attempt(&tx, row, outcome, now).await).await?;
        if let Some(state) = state {
            self.deliveries_sent.record(state);
        }
        Ok(())
    }

    /// Returns the secrets that sign a delivery; `None` if one of them is invalid.
    fn open_secrets(&self, target: &endpoint::Model) -> Result<Option<Vec<Secret<String>>>> {
        let is_used = target.previous_secret_until > Some(self.clock.now());
        let previous = target.previous_secret.as_ref().filter(|_| is_used);
        let open = |sealed| sealed_secrets::open(&self.sealer, target.id, sealed);
        [Some(&target.secret), previous].into_iter().flatten().map(open).collect()
    }

    /// Signs and sends a delivery. The error is the message that is stored with the delivery.
    async fn send(
        &self,
        target: endpoint::Model,
        secrets: Option<Vec<Secret<String>>>,
        own: Option<Vec<OwnHeader>>,
        row: &delivery::Model,
    ) -> Result<HttpResponse, String> {
        let now = self.clock.now();
        let (id, timestamp) = (row.event_id.to_string(), now / SECOND);
        let signature = secrets.and_then(|secrets| signatures(&secrets, &id, timestamp, &row.payload));
        let Some(signature) = signature else {
            let reason = "a stored secret of the endpoint is invalid: rotate the secret";
            tracing::error!(endpoint = %target.id, delivery = %row.id, reason, "cannot sign a webhook delivery");
            return Err(reason.to_owned());
        };
        let Some(own) = own else {
            let reason = "the stored header fields of the endpoint are invalid: set `headers` again";
            return Err(reason.to_owned());
        };
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        if row.format == WebhookFormat::CloudEvents {
            headers.extend(cloud_event_headers(row, &self.source));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = self.outgoing.post(&target.url, &headers, &own, row.payload.clone().into()).await;
        sent.map_err(|error| error.to_string())
    }
}

/// Returns the headers of a CloudEvent in binary mode (CloudEvents 1.0.2, HTTP protocol binding, section
/// 3.1.3).
fn cloud_event_headers(row: &delivery::Model, source: &str) -> [(&'static str, String); 5] {
    [
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", row.event_id.to_string()),
        ("ce-source", source.to_owned()),
        ("ce-type", row.kind.clone()),
        ("ce-time", Timestamp(row.occurred_at).to_string()),
    ]
}

/// The result of an attempt.
struct Outcome {
    status: Option<u16>,
    /// `None` if the delivery succeeded.
    error: Option<String>,
    response: Option<String>,
    /// The earliest time of the next attempt, from `Retry-After`.
    not_before: i64,
}

impl Outcome {
    fn of(sent: Result<HttpResponse, String>, now: i64) -> Self {
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                let error = Some(error.chars().take(MAX_ERROR).collect());
                return Outcome { status: None, error, response: None, not_before: now };
            }
        };
        let error = match response.status {
            200..=299 => None,
            status @ 300..=399 => {
                Some(format!("the endpoint responded with {status}: redirects are not followed"))
            }
            status => Some(format!("the endpoint responded with {status}")),
        };
        let retry_after =
            response.retry_after.as_deref().and_then(|text| parse_retry_after(text, now)).unwrap_or_default();
        Outcome {
            status: Some(response.status),
            error,
            response: Some(excerpt(&response.body)).filter(|text| !text.is_empty()),
            not_before: now + retry_after.clamp(0, MAX_RETRY_AFTER),
        }
    }
}

/// Parses `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3). Returns a delay in milliseconds.
fn parse_retry_after(text: &str, now: i64) -> Option<i64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse::<i64>().unwrap_or(MAX_RETRY_AFTER).saturating_mul(SECOND));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.timestamp_millis() - now)
}

/// Returns the start of a response body as text that every database can store.
fn excerpt(body: &[u8]) -> String {
    let printable = |character: char| match character {
        '\n' | '\t' => character,
        character if character.is_control() => char::REPLACEMENT_CHARACTER,
        character => character,
    };
    // A character has at most four bytes in UTF-8.
    let prefix = &body[..body.len().min(MAX_EXCERPT * 4)];
    String::from_utf8_lossy(prefix).trim().chars().take(MAX_EXCERPT).map(printable).collect()
}

/// Returns the time of the next attempt after `attempts` failed attempts, or `None` after the last attempt.
fn next_attempt(attempts: i32, now: i64) -> Option<i64> {
    let delay = RETRY_DELAYS.get(usize::try_from(attempts).ok()?.checked_sub(1)?)?;
    Some(now + jitter(Duration::from_millis(delay.unsigned_abs()), 0.2).as_millis() as i64)
}

/// Records the result of an attempt with the delivery and with its endpoint, which can become disabled. Returns the state
/// of the delivery; `None` if the result is discarded.
async fn record_attempt(
    tx: &Tx,
    sent: delivery::Model,
    outcome: Outcome,
    now: i64,
) -> Result<Option<DeliveryState>> {
    let endpoint = match load_for_update(tx, sent.endpoint_id.into()).await {
        Err(Error::NotFound(_)) => return Ok(None),
        endpoint => endpoint?,
    };
    let current = delivery::Entity::find_by_id(sent.id).lock_exclusive().one(&**tx).await?;
    // The version differs if the delivery was canceled or replayed during the request. The result of the
    // attempt is then discarded.
    let Some(current) = current.filter(|current| current.version == sent.version) else { return Ok(None) };
    let (attempts, version) = (current.attempts + 1, current.version + 1);
    let gone = outcome.status == Some(410);
    let delivered = outcome.error.is_none();
    let at = match delivered || gone {
        true => None,
        false => next_attempt(attempts, now).map(|at| at.max(outcome.not_before)),
    };
    let state = match (delivered, at) {
        (true, _) => DeliveryState::Delivered,
        (false, Some(_)) => DeliveryState::Pending,
        (false, None) => DeliveryState::Failed,
    };
    let mut row = current.into_active_model();
    row.state = Set(state);
    row.attempts = Set(attempts);
    row.last_status = Set(outcome.status.map(i32::from));
    row.last_error = Set(outcome.error);
    row.response = Set(outcome.response);
    row.next_at = Set(at);
    row.delivered_at = Set(delivered.then_some(now));
    row.version = Set(version);
    row.updated_at = Set(now);
    row.update(&**tx).await?;
    update_endpoint(tx, endpoint, delivered, gone, now).await?;
    Ok(Some(state))
}

/// Updates the failure state of an endpoint, and disables it after a 410 or after 5 days of failures.
async fn update_endpoint(
    tx: &Tx,
    endpoint: endpoint::Model,
    delivered: bool,
    gone: bool,
    now: i64,
) -> Result<()> {
    let failing = (!delivered).then(|| endpoint.failing_since.unwrap_or(now));
    let reason = match failing {
        Some(_) if gone => Some(DisabledReason::Gone),
        Some(since) if now - since >= DISABLE_AFTER => Some(DisabledReason::Failing),
        _ => None,
    };
    if failing == endpoint.failing_since && reason.is_none() {
        return Ok(());
    }
    let before = endpoint.clone();
    let (id, version, enabled) = (endpoint.id, endpoint.version, endpoint.state == EndpointState::Enabled);
    let mut row = endpoint.into_active_model();
    row.failing_since = Set(failing);
    if let Some(reason) = reason.filter(|_| enabled) {
        tracing::warn!(%id, reason = reason.to_value(), "disabled a webhook endpoint");
        row.state = Set(EndpointState::Disabled);
        row.disabled_reason = Set(Some(reason));
        row.version = Set(version + 1);
        row.updated_at = Set(now);
        fail_pending(tx, id, now).await?;
    }
    let row = row.update(&**tx).await?;
    if row.version != before.version {
        let changes = Changes::between(&before, &row);
        tx.record(NewEntry::new(AuditAction::EndpointUpdated, id, now).with_changes(changes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delays_have_jitter_and_end() {
        for (attempts, delay) in (1..).zip(RETRY_DELAYS) {
            for _ in 0..20 {
                let at = next_attempt(attempts, 0).expect("another attempt");
                assert!((delay * 8 / 10..=delay * 12 / 10).contains(&at), "{attempts}: {at}");
            }
        }
        assert_eq!(next_attempt(8, 0), None);
        assert_eq!(next_attempt(0, 0), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("120", 0), Some(120_000));
        assert_eq!(parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 20_000), Some(40_000));
        assert_eq!(parse_retry_after("99999999999999999999", 0), Some(MAX_RETRY_AFTER * SECOND));
        assert_eq!(parse_retry_after("soon", 0), None);
        assert_eq!(parse_retry_after("-3", 0), None);
    }

    #[test]
    fn excerpt_is_bounded_text() {
        assert_eq!(excerpt(b" no\0good\n"), "no\u{fffd}good");
        assert_eq!(excerpt("ä".repeat(5000).as_bytes()).chars().count(), MAX_EXCERPT);
        assert_eq!(excerpt(&[0xff; 9000]).chars().count(), MAX_EXCERPT);
    }
}
