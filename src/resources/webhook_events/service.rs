//! What may happen to what providers told. The only writer of the `webhook_events` table.
use bytes::Bytes;
use entity::webhook_event;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Set,
    sea_query::{Expr, ExprTrait, IntoCondition, OnConflict},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    trust::{Named, Trust},
    types::{Provider, WebhookEvent, WebhookEventState},
};
use crate::{
    contract::{
        cursor::CursorKey,
        id::Id,
        problem::{Error, Result},
        signed::Fields,
    },
    ports::{
        clock::Clock,
        db::{Db, Tx},
        queue::NewJob,
    },
};

/// The kind of the jobs that handle events.
pub const HANDLE: &str = "webhooks.handle";

/// Which event a job is to handle.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Handle {
    pub event: Uuid,
}

/// An event on its way to its handler.
#[derive(Debug)]
pub struct Pending {
    pub provider: Provider,
    pub kind: String,
    pub body: String,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub state: WebhookEventState,
    pub words: Option<String>,
}

/// For how long events are kept, in milliseconds: half a year.
const KEPT: i64 = 180 * 24 * 60 * 60 * 1000;

/// The most characters that are kept of what came of an event.
const WORDS: usize = 1000;

#[derive(Clone)]
pub struct WebhookEvents {
    pub(super) db: Db,
    clock: Clock,
    pub(super) cursors: CursorKey,
    trust: Trust,
}

impl WebhookEvents {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, trust: Trust) -> Self {
        WebhookEvents { db, clock, cursors, trust }
    }

    /// Keeps what a provider tells, with the job that will handle it, unless it is there already.
    pub async fn receive(&self, provider: Provider, fields: &Fields, body: Bytes) -> Result<()> {
        let now = self.clock.now();
        let Named { id: provider_id, delivery, kind, body } =
            self.trust.verified(provider, fields, &body, now)?;
        let id = Uuid::now_v7();
        let row = webhook_event::ActiveModel {
            id: Set(id),
            provider: Set(provider.as_str().to_owned()),
            provider_id: Set(provider_id),
            delivery: Set(delivery),
            kind: Set(kind),
            body: Set(body),
            state: Set(WebhookEventState::Received.as_str().to_owned()),
            outcome: Set(None),
            attempts: Set(0),
            version: Set(1),
            received_at: Set(now),
            updated_at: Set(now),
            handled_at: Set(None),
        };
        self.db
            .write(async move |tx| {
                let known = OnConflict::new().do_nothing().to_owned();
                let insert = webhook_event::Entity::insert(row).on_conflict(known);
                if insert.exec_without_returning(&*tx).await? > 0 {
                    handle_later(&tx, id, now).await?;
                    tx.touch("webhook events").await?;
                }
                Ok(())
            })
            .await
    }

    pub async fn read(&self, id: Id<WebhookEvent>) -> Result<WebhookEvent> {
        let row = webhook_event::Entity::find_by_id(id.0).one(self.db.read()).await?;
        row.map(WebhookEvent::from).ok_or(Error::NotFound("webhook event"))
    }

    /// Has an event handled once more, however it ended before; gives the id of the job. One that waits for its
    /// handler keeps its job.
    pub async fn replay(&self, id: Id<WebhookEvent>) -> Result<Uuid> {
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                let row = webhook_event::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let row = row.ok_or(Error::NotFound("webhook event"))?;
                let version = row.version + 1;
                let mut row = row.into_active_model();
                row.state = Set(WebhookEventState::Received.as_str().to_owned());
                row.version = Set(version);
                row.updated_at = Set(now);
                row.update(&*tx).await?;
                tx.touch("webhook events").await?;
                handle_later(&tx, id.0, now).await
            })
            .await
    }

    /// Forgets what came long ago: no provider sends it again, and one that signs its time could not.
    pub async fn sweep(&self) -> Result<()> {
        let old = webhook_event::Column::ReceivedAt.lt(self.clock.now() - KEPT);
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

    /// What a job is to handle; none when it is gone.
    pub async fn pending(&self, id: Uuid) -> Result<Option<Pending>> {
        let row = webhook_event::Entity::find_by_id(id).one(self.db.read()).await?;
        Ok(row.map(|row| Pending {
            provider: Provider::parse(&row.provider),
            kind: row.kind,
            body: row.body,
        }))
    }

    /// Notes what came of an event, in the transaction of its effect. A failure takes nothing back but an earlier one, and
    /// one for now not even that: the event may have been handled by another worker meanwhile.
    pub async fn note(&self, tx: &Tx, id: Uuid, outcome: Outcome) -> Result<()> {
        let now = self.clock.now();
        let words = outcome.words.map(|words| words.chars().take(WORDS).collect::<String>());
        let handled = (outcome.state != WebhookEventState::Received).then_some(now);
        let column = |column: webhook_event::Column| Expr::col(column);
        let failed = matches!(outcome.state, WebhookEventState::Received | WebhookEventState::Failed);
        let last = outcome.state == WebhookEventState::Failed;
        let open = [WebhookEventState::Received].into_iter().chain(last.then_some(WebhookEventState::Failed));
        let waiting = webhook_event::Column::State.is_in(open.map(WebhookEventState::as_str));
        webhook_event::Entity::update_many()
            .filter(if failed { waiting.into_condition() } else { Condition::all() })
            .col_expr(webhook_event::Column::State, outcome.state.as_str().into())
            .col_expr(webhook_event::Column::Outcome, words.into())
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

async fn handle_later(tx: &Tx, event: Uuid, now: i64) -> Result<Uuid> {
    let job = NewJob::new(HANDLE, &Handle { event })?.unique(format!("webhook event {event}"));
    Ok(tx.later(job, now).await?)
}
