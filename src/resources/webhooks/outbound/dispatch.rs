//! Dispatches events from the log to endpoints: each event becomes one delivery per matching endpoint. The
//! transaction that inserts the deliveries also advances the position in the log, so that a crash neither
//! loses nor duplicates a delivery.
use entity::{event, sequence, webhook_delivery as delivery, webhook_endpoint as endpoint};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::OnConflict,
};
use serde_json::json;

use super::{
    deliveries::{NewDelivery, pending},
    filter::{matches, parse},
    sender,
    service::WebhookEndpoints,
    types::EndpointState,
};
use crate::{http::problem::Result, infra::db::Tx, resources::events::Event};

/// Name of the row that stores the position in the log.
const POSITION: &str = "webhooks";

/// Maximum number of events that one transaction dispatches.
const BATCH: u64 = 100;

/// Maximum number of rows per insert. Each row has 18 parameters, and databases limit the parameters of a
/// statement.
const INSERT_ROWS: usize = 400;

impl WebhookEndpoints {
    /// Dispatches one batch of new events and returns whether more can be available.
    pub async fn dispatch(&self) -> Result<bool> {
        let Some(from) = start_position(self.db.read()).await? else { return Ok(false) };
        if self.db.newest_event_position().await? <= from {
            return Ok(false);
        }
        let now = self.clock.now();
        self.db.write(async move |tx: Tx| dispatch_batch(&tx, now).await).await
    }

    /// Dispatches all events in the log.
    pub async fn dispatch_all(&self) -> Result<()> {
        while self.dispatch().await? {}
        Ok(())
    }
}

/// Returns the position of the log after which events must be dispatched. Returns `None` if no endpoint is
/// enabled.
async fn start_position<C: ConnectionTrait>(db: &C) -> Result<Option<i64>, DbErr> {
    let enabled = endpoint::Entity::find().select_only().column(endpoint::Column::StartPosition);
    let enabled = enabled.filter(endpoint::Column::State.eq(EndpointState::Enabled));
    let first = enabled.order_by_asc(endpoint::Column::StartPosition).into_tuple::<i64>().one(db).await?;
    let Some(first) = first else { return Ok(None) };
    let dispatched = sequence::Entity::find_by_id(POSITION.to_owned()).one(db).await?;
    Ok(Some(first.max(dispatched.map_or(0, |row| row.value))))
}

/// Locks the position, so that dispatches and the creation of endpoints run one after another.
pub async fn lock_position(tx: &Tx) -> Result<()> {
    let row = sequence::ActiveModel { name: Set(POSITION.to_owned()), value: Set(0) };
    let ignore_existing = OnConflict::column(sequence::Column::Name).do_nothing().to_owned();
    sequence::Entity::insert(row).on_conflict(ignore_existing).exec_without_returning(&**tx).await?;
    sequence::Entity::find_by_id(POSITION.to_owned()).lock_exclusive().one(&**tx).await?;
    Ok(())
}

async fn dispatch_batch(tx: &Tx, now: i64) -> Result<bool> {
    lock_position(tx).await?;
    let Some(from) = start_position(&**tx).await? else { return Ok(false) };
    let events = event::Entity::find().filter(event::Column::Position.gt(from));
    let events = events.order_by_asc(event::Column::Position).limit(BATCH).all(&**tx).await?;
    let Some(last) = events.last().map(|event| event.position) else { return Ok(false) };
    let endpoints = endpoint::Entity::find().filter(endpoint::Column::State.eq(EndpointState::Enabled));
    // The shared lock prevents an endpoint from being deleted or disabled before the commit.
    let endpoints = endpoints.order_by_asc(endpoint::Column::Id).lock_shared().all(&**tx).await?;
    let mut rows = Vec::new();
    for endpoint in &endpoints {
        let before = rows.len();
        rows.extend(deliveries_for(endpoint, &events, now));
        if rows.len() > before {
            sender::enqueue(tx, endpoint.id, now, now).await?;
        }
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(INSERT_ROWS));
        delivery::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
        rows = rest;
    }
    let advance = sequence::Entity::update_many().col_expr(sequence::Column::Value, last.into());
    advance.filter(sequence::Column::Name.eq(POSITION)).exec(&**tx).await?;
    Ok(events.len() as u64 == BATCH)
}

fn deliveries_for(
    endpoint: &endpoint::Model,
    events: &[event::Model],
    now: i64,
) -> Vec<delivery::ActiveModel> {
    let filters = parse(&endpoint.events);
    let matching = events.iter().filter(|event| {
        event.position > endpoint.start_position && matches(&filters, &event.kind, &event.topic)
    });
    let rows = matching.filter_map(|row| {
        let event = Event::from_row(row)?;
        let data = json!(event.data);
        let new = NewDelivery { event: row.id, kind: &row.kind, at: row.occurred_at, data };
        let mut delivery = pending(endpoint, new, now);
        delivery.position = Set(Some(row.position));
        Some(delivery)
    });
    rows.collect()
}
