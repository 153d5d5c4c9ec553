//! Deliveries: list, get, test, replay and retention.
use entity::{webhook_delivery as delivery, webhook_endpoint as endpoint};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Set,
    sea_query::{Expr, ExprTrait, SelectStatement},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    scopes::{check_delivery, readable_kinds},
    sender,
    service::{WebhookEndpoints, load_for_update},
    types::{
        DeliveryState, EndpointState, WebhookDelivery, WebhookDeliveryQuery, WebhookEndpoint, WebhookFormat,
        location_path,
    },
};
use crate::{
    domain::{audit::AuditAction, id::Id, timestamp::Timestamp},
    http::{
        auth::Principal,
        cursor::{PageQuery, SortKey, SortValue},
        pagination::Page,
        problem::{Error, Result},
    },
    infra::{
        audit_log::NewEntry,
        db::Tx,
        queue::{ClaimedJob, JobError, NewJob},
    },
};

/// Kind of the job that deletes the deliveries of a deleted endpoint.
pub const PURGE_DELIVERIES_JOB: &str = "webhooks.purge";

#[derive(Serialize, Deserialize)]
struct PurgeJob {
    endpoint: Uuid,
}

/// Event type of a test delivery.
pub const TEST: &str = "webhook.test";

/// Retention of delivered and failed deliveries, in milliseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 3_600_000;

/// Maximum number of rows that one statement changes, so that transactions are short.
const BATCH: u64 = 1000;

impl WebhookEndpoints {
    pub async fn list_deliveries(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
        query: &WebhookDeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        self.get(id).await?;
        let mut find = delivery::Entity::find().filter(delivery::Column::EndpointId.eq(id.0));
        let kinds = readable_kinds(admin);
        if let Some(kinds) = &kinds {
            find = find.filter(delivery::Column::Kind.is_in(kinds.clone()));
        }
        if let Some(state) = query.state {
            find = find.filter(delivery::Column::State.eq(state));
        }
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("webhook-deliveries {id} {:?} {kinds:?}", query.state),
            order: vec![SortKey::descending(delivery::Column::Id)],
            params: &query.paging,
        };
        let position = |row: &delivery::Model| vec![SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        let data = rows.into_iter().map(|row| WebhookDelivery::from(row).redacted_for(admin)).collect();
        Ok(Page { data, pagination })
    }

    pub async fn get_delivery(&self, admin: &Principal, id: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        let exists = delivery::Column::EndpointId.in_subquery(endpoint_ids());
        let row = delivery::Entity::find_by_id(id.0).filter(exists).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("delivery"))?;
        check_delivery(admin, &row.kind)?;
        Ok(WebhookDelivery::from(row).redacted_for(admin))
    }

    /// Enqueues a test delivery.
    pub async fn send_test(&self, id: Id<WebhookEndpoint>) -> Result<WebhookDelivery> {
        let now = self.clock.now();
        let data = json!({ "id": id.to_string(), "href": location_path(id) });
        self.db
            .write(async move |tx: Tx| {
                let endpoint = load_for_update(&tx, id).await?;
                check_enabled(&endpoint)?;
                let new = NewDelivery { event: Uuid::now_v7(), kind: TEST, at: now, data };
                let row = pending(&endpoint, new, now).insert(&*tx).await?;
                sender::enqueue(&tx, id.0, now, now).await?;
                tx.record(NewEntry::new(AuditAction::DeliveryTested, row.id, now));
                Ok(row.into())
            })
            .await
    }

    /// Enqueues a delivered or failed delivery again.
    pub async fn replay(&self, admin: &Principal, id: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        let (admin, now) = (admin.clone(), self.clock.now());
        self.db
            .write(async move |tx: Tx| {
                let missing = Error::NotFound("delivery");
                let find = delivery::Entity::find_by_id(id.0);
                let row = find.one(&*tx).await?.ok_or(missing)?;
                check_delivery(&admin, &row.kind)?;
                // Lock order: the endpoint first, then the delivery, as in every other transaction.
                check_enabled(&load_for_update(&tx, row.endpoint_id.into()).await?)?;
                let row = delivery::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let row = row.ok_or(Error::NotFound("delivery"))?;
                if row.state == DeliveryState::Pending {
                    return Err(Error::Conflict(
                        "the delivery is pending: only a delivered or failed one can be replayed",
                    ));
                }
                let (endpoint, version) = (row.endpoint_id, row.version);
                let mut row = row.into_active_model();
                row.state = Set(DeliveryState::Pending);
                row.attempts = Set(0);
                row.next_at = Set(Some(now));
                row.delivered_at = Set(None);
                row.version = Set(version + 1);
                row.updated_at = Set(now);
                let row = row.update(&*tx).await?;
                sender::enqueue(&tx, endpoint, now, now).await?;
                tx.record(NewEntry::new(AuditAction::DeliveryReplayed, row.id, now));
                Ok(WebhookDelivery::from(row).redacted_for(&admin))
            })
            .await
    }

    /// Deletes delivered and failed deliveries after their retention period.
    pub async fn sweep(&self) -> Result<()> {
        let old = self.clock.now() - RETENTION;
        let ended = delivery::Column::State.is_in([DeliveryState::Delivered, DeliveryState::Failed]);
        self.purge(Condition::all().add(ended).add(delivery::Column::UpdatedAt.lt(old))).await
    }

    /// Deletes all deliveries of a deleted endpoint.
    pub async fn purge_deliveries(&self, job: &ClaimedJob) -> Result<(), JobError> {
        let PurgeJob { endpoint } = job.data()?;
        self.purge(Condition::all().add(delivery::Column::EndpointId.eq(endpoint)))
            .await
            .map_err(JobError::from)
    }

    /// Deletes matching deliveries in batches, each in its own transaction.
    async fn purge(&self, filter: Condition) -> Result<()> {
        loop {
            let filter = filter.clone();
            let count = self.db.write(async move |tx: Tx| {
                let ids = lock_batch(&tx, filter.clone()).await?;
                let count = ids.len() as u64;
                // The filter is repeated: a delivery that was replayed meanwhile no longer matches.
                let delete = delivery::Entity::delete_many().filter(filter);
                delete.filter(delivery::Column::Id.is_in(ids)).exec(&*tx).await?;
                Ok::<_, Error>(count)
            });
            if count.await? < BATCH {
                return Ok(());
            }
        }
    }
}

/// Enqueues the job that deletes the deliveries of an endpoint that this transaction deletes.
pub async fn enqueue_purge(tx: &Tx, endpoint: Uuid, now: i64) -> Result<(), DbErr> {
    tx.enqueue(NewJob::new(PURGE_DELIVERIES_JOB, &PurgeJob { endpoint })?.max_attempts(i32::MAX), now)
        .await
        .map(|_| ())
}

/// Selects the ids of all endpoints. Deliveries of deleted endpoints are hidden until the job deletes them.
fn endpoint_ids() -> SelectStatement {
    endpoint::Entity::find().select_only().column(endpoint::Column::Id).into_query()
}

async fn lock_batch(tx: &Tx, filter: Condition) -> Result<Vec<Uuid>> {
    let ids = delivery::Entity::find().select_only().column(delivery::Column::Id).filter(filter);
    // Rows are locked in ascending order of id, which prevents deadlocks.
    let ids = ids.order_by_asc(delivery::Column::Id).limit(BATCH).lock_exclusive();
    Ok(ids.into_tuple().all(&**tx).await?)
}

fn check_enabled(row: &endpoint::Model) -> Result<()> {
    match row.state {
        EndpointState::Enabled => Ok(()),
        EndpointState::Disabled => Err(Error::Conflict("the endpoint is disabled: enable it first")),
    }
}

/// The event of a new delivery.
pub struct NewDelivery<'a> {
    pub event: Uuid,
    pub kind: &'a str,
    pub at: i64,
    pub data: Value,
}

/// Serializes the request body. Standard Webhooks sends the complete event in the body. CloudEvents in binary
/// mode sends only the data in the body, and the other attributes in headers.
fn payload(new: &NewDelivery, format: WebhookFormat) -> String {
    let NewDelivery { kind, at, data, .. } = new;
    match format {
        WebhookFormat::Standard => {
            json!({ "type": kind, "timestamp": Timestamp(*at).to_string(), "data": data }).to_string()
        }
        WebhookFormat::CloudEvents => data.to_string(),
    }
}

/// Builds the row of a delivery that is due now.
pub fn pending(endpoint: &endpoint::Model, new: NewDelivery, now: i64) -> delivery::ActiveModel {
    let payload = payload(&new, endpoint.format);
    delivery::ActiveModel {
        id: Set(Uuid::now_v7()),
        endpoint_id: Set(endpoint.id),
        event_id: Set(new.event),
        position: Set(None),
        kind: Set(new.kind.to_owned()),
        occurred_at: Set(new.at),
        format: Set(endpoint.format),
        payload: Set(payload),
        state: Set(DeliveryState::Pending),
        attempts: Set(0),
        last_status: Set(None),
        last_error: Set(None),
        response: Set(None),
        next_at: Set(Some(now)),
        version: Set(1),
        created_at: Set(now),
        updated_at: Set(now),
        delivered_at: Set(None),
    }
}

/// Marks the pending deliveries of a disabled endpoint as failed, and cancels its job.
pub async fn fail_pending(tx: &Tx, endpoint: Uuid, now: i64) -> Result<()> {
    tx.cancel(&sender::job_key(endpoint)).await?;
    loop {
        let pending = Condition::all()
            .add(delivery::Column::EndpointId.eq(endpoint))
            .add(delivery::Column::State.eq(DeliveryState::Pending));
        let ids = lock_batch(tx, pending).await?;
        let last = (ids.len() as u64) < BATCH;
        delivery::Entity::update_many()
            .col_expr(delivery::Column::State, DeliveryState::Failed.into())
            .col_expr(delivery::Column::LastError, "the endpoint is disabled".into())
            .col_expr(delivery::Column::NextAt, Option::<i64>::None.into())
            .col_expr(delivery::Column::Version, Expr::col(delivery::Column::Version).add(1))
            .col_expr(delivery::Column::UpdatedAt, now.into())
            .filter(delivery::Column::Id.is_in(ids))
            .exec(&**tx)
            .await?;
        if last {
            return Ok(());
        }
    }
}
