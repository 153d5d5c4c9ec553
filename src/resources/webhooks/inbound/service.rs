//! Business logic for incoming webhook events. Only this folder writes the `webhook_events` table.
use entity::webhook_event;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, IntoCondition, OnConflict},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    provider::{VerifiedEvent, WebhookProvider},
    types::{Provider, WebhookEvent, WebhookEventState},
};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure},
        id::Id,
        secret::token_digest,
    },
    http::{
        cursor::CursorKey,
        problem::{Error, Result},
        signed_request::SignedHeaders,
    },
    infra::{
        audit_log::{AuthFailures, NewEntry},
        clock::Clock,
        db::{Db, Tx},
        queue::NewJob,
    },
};

/// Kind of the job that handles an event.
pub const HANDLE_EVENT_JOB: &str = "webhooks.handle";

/// Payload of the job that handles an event.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct HandleEventJob {
    pub event: Uuid,
}

/// An event that a job handles.
#[derive(Debug)]
pub struct Pending {
    pub provider: Provider,
    pub kind: String,
    pub body: String,
}

/// The result of handling an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: WebhookEventState,
    pub message: Option<String>,
}

/// Retention of events, in milliseconds: 180 days.
const RETENTION: i64 = 180 * 24 * 60 * 60 * 1000;

/// Characters of the result message that are stored at most.
const MAX_MESSAGE: usize = 1000;

#[derive(Clone)]
pub struct WebhookEvents {
    pub(super) db: Db,
    clock: Clock,
    pub(super) cursors: CursorKey,
    failures: AuthFailures,
}

impl WebhookEvents {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, failures: AuthFailures) -> Self {
        WebhookEvents { db, clock, cursors, failures }
    }

    /// Verifies an event and stores it with the job that handles it. A repeated event is ignored, unless it failed: then
    /// it is enqueued again. Providers offer to send a failed event again.
    ///
    /// # Errors
    ///
    /// `NotFound` without a provider, and the errors of `WebhookProvider::verify`.
    pub async fn receive<P: WebhookProvider>(
        &self,
        provider: Option<&P>,
        headers: &SignedHeaders,
        body: &[u8],
    ) -> Result<()> {
        let not_configured = Error::NotFound("webhook configuration of this provider");
        let now = self.clock.now();
        let event = match provider.ok_or(not_configured)?.verify(headers, body, now) {
            Err(error @ Error::InvalidSignature(_)) => {
                let provider = sea_orm::ActiveEnum::to_value(&P::PROVIDER);
                self.failures.record(AuthFailure::WrongSignature, None, &provider).await;
                return Err(error);
            }
            result => result?,
        };
        let same_body_since = P::SAME_BODY_WINDOW.map(|window| now - window);
        self.store(P::PROVIDER, event, same_body_since, now).await
    }

    async fn store(
        &self,
        provider: Provider,
        event: VerifiedEvent,
        same_body_since: Option<i64>,
        now: i64,
    ) -> Result<()> {
        let VerifiedEvent { id: provider_id, delivery, kind, body } = event;
        let known_id = provider_id.clone();
        let id = Uuid::now_v7();
        let body_digest = token_digest(&body);
        let row = webhook_event::ActiveModel {
            id: Set(id),
            provider: Set(provider),
            provider_id: Set(provider_id),
            delivery: Set(delivery),
            kind: Set(kind),
            body_digest: Set(Some(body_digest.clone())),
            body: Set(body),
            state: Set(WebhookEventState::Received),
            outcome: Set(None),
            attempts: Set(0),
            version: Set(1),
            received_at: Set(now),
            updated_at: Set(now),
            handled_at: Set(None),
        };
        self.db
            .write(async move |tx| {
                if let Some(since) = same_body_since {
                    // Otherwise two concurrent deliveries with one body would not find each other.
                    tx.lock_text(&format!("webhook body {body_digest}")).await?;
                    let same_body = webhook_event::Entity::find()
                        .filter(webhook_event::Column::Provider.eq(provider))
                        .filter(webhook_event::Column::BodyDigest.eq(body_digest))
                        .filter(webhook_event::Column::ReceivedAt.gt(since));
                    if let Some(known) = same_body.lock_exclusive().one(&*tx).await? {
                        return requeue_failed(&tx, known, now).await;
                    }
                }
                let ignore_repeated = OnConflict::new().do_nothing().to_owned();
                let insert = webhook_event::Entity::insert(row).on_conflict(ignore_repeated);
                if insert.exec_without_returning(&*tx).await? > 0 {
                    enqueue_handler(&tx, id, now).await?;
                    tx.record(NewEntry::new(AuditAction::WebhookReceived, id, now));
                    tx.touch("webhook events").await?;
                    return Ok(());
                }
                let known = webhook_event::Entity::find()
                    .filter(webhook_event::Column::Provider.eq(provider))
                    .filter(webhook_event::Column::ProviderId.eq(known_id));
                match known.lock_exclusive().one(&*tx).await? {
                    Some(known) => requeue_failed(&tx, known, now).await,
                    // Another event with the same id of the delivery.
                    None => Ok(()),
                }
            })
            .await
    }

    pub async fn get(&self, id: Id<WebhookEvent>) -> Result<WebhookEvent> {
        let row = webhook_event::Entity::find_by_id(id.0).one(self.db.read()).await?;
        row.map(WebhookEvent::from).ok_or(Error::NotFound("webhook event"))
    }

    /// Enqueues an event again, in any state, and returns the id of the job. A job that is still queued is
    /// reused.
    pub async fn replay(&self, id: Id<WebhookEvent>) -> Result<Uuid> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let row = webhook_event::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                requeue(&tx, row.ok_or(Error::NotFound("webhook event"))?, now).await
            })
            .await
    }

    /// Deletes events after the retention time. Providers retry for days only, so the event cannot arrive
    /// again.
    pub async fn sweep(&self) -> Result<()> {
        let old = webhook_event::Column::ReceivedAt.lt(self.clock.now() - RETENTION);
        self.db
            .write(async move |tx| {
                let old = webhook_event::Entity::delete_many().filter(old).exec(&*tx).await?;
                if old.rows_affected > 0 {
                    tx.touch("webhook events").await?;
                }
                Ok(())
            })
            .await
    }

    /// Loads the event of a job; `None` if it was deleted.
    pub async fn pending(&self, id: Uuid) -> Result<Option<Pending>> {
        let row = webhook_event::Entity::find_by_id(id).one(self.db.read()).await?;
        Ok(row.map(|row| Pending { provider: row.provider, kind: row.kind, body: row.body }))
    }

    /// Records the result of an event, in the transaction of its action.
    ///
    /// A permanent failure overwrites only an earlier failure, and a temporary failure overwrites no result:
    /// another worker may have handled the event meanwhile.
    pub async fn record_outcome(&self, tx: &Tx, id: Uuid, outcome: Outcome) -> Result<()> {
        let now = self.clock.now();
        let message = outcome.message.map(|words| words.chars().take(MAX_MESSAGE).collect::<String>());
        let handled = (outcome.state != WebhookEventState::Received).then_some(now);
        let column = |column: webhook_event::Column| Expr::col(column);
        let is_failure = matches!(outcome.state, WebhookEventState::Received | WebhookEventState::Failed);
        let is_permanent = outcome.state == WebhookEventState::Failed;
        let overwritable = [WebhookEventState::Received]
            .into_iter()
            .chain(is_permanent.then_some(WebhookEventState::Failed));
        let in_state = webhook_event::Column::State.is_in(overwritable);
        webhook_event::Entity::update_many()
            .filter(if is_failure { in_state.into_condition() } else { Condition::all() })
            .col_expr(webhook_event::Column::State, outcome.state.into())
            .col_expr(webhook_event::Column::Outcome, message.into())
            .col_expr(webhook_event::Column::Attempts, column(webhook_event::Column::Attempts).add(1))
            .col_expr(webhook_event::Column::Version, column(webhook_event::Column::Version).add(1))
            .col_expr(webhook_event::Column::UpdatedAt, now.into())
            .col_expr(webhook_event::Column::HandledAt, handled.into())
            .filter(webhook_event::Column::Id.eq(id))
            .exec(&**tx)
            .await?;
        tx.touch("webhook events").await?;
        Ok(())
    }
}

/// Enqueues a repeated event again if it failed. The stored body is used.
async fn requeue_failed(tx: &Tx, known: webhook_event::Model, now: i64) -> Result<()> {
    match known.state {
        WebhookEventState::Failed => requeue(tx, known, now).await.map(|_| ()),
        _ => Ok(()),
    }
}

/// Enqueues a stored event again, and returns the id of the job.
async fn requeue(tx: &Tx, row: webhook_event::Model, now: i64) -> Result<Uuid> {
    let (id, version) = (row.id, row.version + 1);
    let mut row = row.into_active_model();
    row.state = Set(WebhookEventState::Received);
    row.version = Set(version);
    row.updated_at = Set(now);
    row.update(&**tx).await?;
    tx.touch("webhook events").await?;
    tx.record(NewEntry::new(AuditAction::WebhookReplayed, id, now));
    enqueue_handler(tx, id, now).await
}

async fn enqueue_handler(tx: &Tx, event: Uuid, now: i64) -> Result<Uuid> {
    let job = NewJob::new(HANDLE_EVENT_JOB, &HandleEventJob { event })?
        .unique_key(format!("webhook event {event}"));
    Ok(tx.enqueue(job, now).await?)
}
