//! The log of deliveries: what was sent where, how far it is, and once more.
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
    deliver,
    delivery::{DeliveryState, WebhookDelivery, WebhookDeliveryQuery},
    rights::{known, may_know},
    service::{WebhookEndpoints, held},
    types::{EndpointState, WebhookEndpoint, WebhookFormat, address},
};
use crate::{
    contract::{
        caller::Principal,
        cursor::{Key, Slice, SortKey},
        id::Id,
        page::Page,
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::{
        db::Tx,
        queue::{Claimed, Failed, NewJob},
    },
};

pub const FORGET: &str = "webhooks.forget";

#[derive(Serialize, Deserialize)]
struct Gone {
    endpoint: Uuid,
}

/// The type of a test.
pub const TEST: &str = "webhook.test";

/// How long deliveries that have ended can be looked at and sent again.
const KEPT: i64 = 30 * 24 * 3_600_000;

/// Rows that one statement changes: no statement may last.
const SOME: u64 = 1000;

impl WebhookEndpoints {
    pub async fn deliveries(
        &self,
        admin: &Principal,
        id: Id<WebhookEndpoint>,
        query: &WebhookDeliveryQuery,
    ) -> Result<Page<WebhookDelivery>> {
        self.read(id).await?;
        let mut find = delivery::Entity::find().filter(delivery::Column::EndpointId.eq(id.0));
        let known = known(admin);
        if let Some(kinds) = &known {
            find = find.filter(delivery::Column::Kind.is_in(kinds.clone()));
        }
        if let Some(state) = query.state {
            find = find.filter(delivery::Column::State.eq(state.as_str()));
        }
        let slice = Slice {
            key: &self.cursors,
            list: format!("webhook-deliveries {id} {:?} {known:?}", query.state),
            order: vec![SortKey::falling(delivery::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &delivery::Model| vec![Key::Id(row.id)];
        let (rows, pagination) = slice.page(self.db.read(), find, |find| find, place).await?;
        Ok(Page { data: rows.into_iter().map(WebhookDelivery::from).collect(), pagination })
    }

    pub async fn delivery(&self, admin: &Principal, id: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        let there = delivery::Column::EndpointId.in_subquery(endpoints());
        let row = delivery::Entity::find_by_id(id.0).filter(there).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("delivery"))?;
        may_know(admin, &row.kind)?;
        Ok(row.into())
    }

    /// Leaves a test to be delivered.
    pub async fn test(&self, id: Id<WebhookEndpoint>) -> Result<WebhookDelivery> {
        let now = self.clock.now();
        let data = json!({ "id": id.to_string(), "href": address(id) });
        self.db
            .write(async move |tx: Tx| {
                let to = held(&tx, id).await?;
                enabled(&to)?;
                let happened = Happened { event: Uuid::now_v7(), kind: TEST, at: now, data };
                let row = pending(&to, happened, now).insert(&*tx).await?;
                deliver::ask(&tx, id.0, now, now).await?;
                Ok(row.into())
            })
            .await
    }

    /// Leaves what has ended to be delivered once more.
    pub async fn replay(&self, admin: &Principal, id: Id<WebhookDelivery>) -> Result<WebhookDelivery> {
        let (admin, now) = (admin.clone(), self.clock.now());
        self.db
            .write(async move |tx: Tx| {
                let missing = Error::NotFound("delivery");
                let find = delivery::Entity::find_by_id(id.0);
                let known = find.one(&*tx).await?.ok_or(missing)?;
                may_know(&admin, &known.kind)?;
                // The endpoint's lock is taken first, here as everywhere.
                enabled(&held(&tx, known.endpoint_id.into()).await?)?;
                let known = delivery::Entity::find_by_id(id.0).lock_exclusive().one(&*tx).await?;
                let known = known.ok_or(Error::NotFound("delivery"))?;
                if known.state == DeliveryState::Pending.as_str() {
                    return Err(Error::Conflict(
                        "this delivery is on its way: only one that has ended can be replayed",
                    ));
                }
                let (endpoint, version) = (known.endpoint_id, known.version);
                let mut row = known.into_active_model();
                row.state = Set(DeliveryState::Pending.as_str().to_owned());
                row.attempts = Set(0);
                row.next_at = Set(Some(now));
                row.delivered_at = Set(None);
                row.version = Set(version + 1);
                row.updated_at = Set(now);
                let row = row.update(&*tx).await?;
                deliver::ask(&tx, endpoint, now, now).await?;
                Ok(row.into())
            })
            .await
    }

    /// Forgets deliveries that ended long ago.
    pub async fn sweep(&self) -> Result<()> {
        let old = self.clock.now() - KEPT;
        let ended = delivery::Column::State.is_in(["delivered", "failed"]);
        self.forget(Condition::all().add(ended).add(delivery::Column::UpdatedAt.lt(old))).await
    }

    /// Forgets all deliveries of an endpoint that is gone.
    pub async fn forget_gone(&self, job: &Claimed) -> Result<(), Failed> {
        let Gone { endpoint } = job.data()?;
        self.forget(Condition::all().add(delivery::Column::EndpointId.eq(endpoint)))
            .await
            .map_err(Failed::from)
    }

    /// A few at a time, each in a transaction of its own.
    async fn forget(&self, which: Condition) -> Result<()> {
        loop {
            let which = which.clone();
            let found = self.db.write(async move |tx: Tx| {
                let some = some(&tx, which.clone()).await?;
                let found = some.len() as u64;
                // One that is replayed meanwhile is none of them any more.
                let gone = delivery::Entity::delete_many().filter(which);
                gone.filter(delivery::Column::Id.is_in(some)).exec(&*tx).await?;
                Ok::<_, Error>(found)
            });
            if found.await? < SOME {
                return Ok(());
            }
        }
    }
}

/// Leaves the job that forgets the log of an endpoint, when this transaction has taken the endpoint away.
pub async fn forget_later(tx: &Tx, endpoint: Uuid, now: i64) -> Result<(), DbErr> {
    tx.later(NewJob::new(FORGET, &Gone { endpoint })?.attempts(i32::MAX), now).await.map(|_| ())
}

/// The ids of all endpoints: the deliveries of others are about to go.
fn endpoints() -> SelectStatement {
    endpoint::Entity::find().select_only().column(endpoint::Column::Id).into_query()
}

async fn some(tx: &Tx, which: Condition) -> Result<Vec<Uuid>> {
    let ids = delivery::Entity::find().select_only().column(delivery::Column::Id).filter(which);
    // Locked in one order, so that no two wait for each other.
    let ids = ids.order_by_asc(delivery::Column::Id).limit(SOME).lock_exclusive();
    Ok(ids.into_tuple().all(&**tx).await?)
}

fn enabled(row: &endpoint::Model) -> Result<()> {
    match EndpointState::parse(&row.state) {
        EndpointState::Enabled => Ok(()),
        EndpointState::Disabled => Err(Error::Conflict("this endpoint is disabled: enable it first")),
    }
}

/// What an endpoint is told of.
pub struct Happened<'a> {
    pub event: Uuid,
    pub kind: &'a str,
    pub at: i64,
    pub data: Value,
}

/// The body as Standard Webhooks has it, or as CloudEvents has it in binary mode, where all else stands in the header.
fn payload(happened: &Happened, format: WebhookFormat) -> String {
    let Happened { kind, at, data, .. } = happened;
    match format {
        WebhookFormat::Standard => {
            json!({ "type": kind, "timestamp": Timestamp(*at).to_string(), "data": data }).to_string()
        }
        WebhookFormat::CloudEvents => data.to_string(),
    }
}

/// A delivery that is due.
pub fn pending(to: &endpoint::Model, happened: Happened, now: i64) -> delivery::ActiveModel {
    let payload = payload(&happened, WebhookFormat::parse(&to.format));
    delivery::ActiveModel {
        id: Set(Uuid::now_v7()),
        endpoint_id: Set(to.id),
        event_id: Set(happened.event),
        position: Set(None),
        kind: Set(happened.kind.to_owned()),
        occurred_at: Set(happened.at),
        format: Set(to.format.clone()),
        payload: Set(payload),
        state: Set(DeliveryState::Pending.as_str().to_owned()),
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

/// What waits for an endpoint that is called no more has failed.
pub async fn give_up_all(tx: &Tx, endpoint: Uuid, now: i64) -> Result<()> {
    tx.not_later(&deliver::key(endpoint)).await?;
    loop {
        let pending = Condition::all()
            .add(delivery::Column::EndpointId.eq(endpoint))
            .add(delivery::Column::State.eq(DeliveryState::Pending.as_str()));
        let some = some(tx, pending).await?;
        let last = (some.len() as u64) < SOME;
        delivery::Entity::update_many()
            .col_expr(delivery::Column::State, DeliveryState::Failed.as_str().into())
            .col_expr(delivery::Column::LastError, "the endpoint is disabled".into())
            .col_expr(delivery::Column::NextAt, Option::<i64>::None.into())
            .col_expr(delivery::Column::Version, Expr::col(delivery::Column::Version).add(1))
            .col_expr(delivery::Column::UpdatedAt, now.into())
            .filter(delivery::Column::Id.is_in(some))
            .exec(&**tx)
            .await?;
        if last {
            return Ok(());
        }
    }
}
