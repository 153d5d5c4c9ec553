//! From the log of events to the endpoints: each event becomes one delivery for each endpoint that wants it, in the
//! transaction that moves on in the log. Nothing is lost and nothing doubled, wherever the process dies.
use entity::{event, sequence, webhook_delivery as delivery, webhook_endpoint as endpoint};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::OnConflict,
};
use serde_json::json;

use super::{
    deliver,
    filter::{wanted, wants},
    log::{Happened, pending},
    service::WebhookEndpoints,
};
use crate::{contract::problem::Result, ports::db::Tx, resources::events::Event};

/// The name under which the position in the log is kept.
const POSITION: &str = "webhooks";

/// Events that are handed on at once.
const SOME: u64 = 100;

/// Rows of one statement; each has eighteen values, and databases bound how many a statement has.
const TOGETHER: usize = 400;

impl WebhookEndpoints {
    /// Hands on what is new in the log, a part of it; whether there may be more.
    pub async fn fan(&self) -> Result<bool> {
        let Some(from) = start(self.db.read()).await? else { return Ok(false) };
        if self.db.newest_event().await? <= from {
            return Ok(false);
        }
        let now = self.clock.now();
        self.db.write(async move |tx: Tx| fan(&tx, now).await).await
    }

    /// Hands on all that is in the log.
    pub async fn fan_all(&self) -> Result<()> {
        while self.fan().await? {}
        Ok(())
    }
}

/// Behind which event there may be something for an endpoint; nothing when there is no endpoint.
async fn start<C: ConnectionTrait>(db: &C) -> Result<Option<i64>, DbErr> {
    let enabled = endpoint::Entity::find().select_only().column(endpoint::Column::Since);
    let enabled = enabled.filter(endpoint::Column::State.eq("enabled"));
    let first = enabled.order_by_asc(endpoint::Column::Since).into_tuple::<i64>().one(db).await?;
    let Some(first) = first else { return Ok(None) };
    let handed_on = sequence::Entity::find_by_id(POSITION.to_owned()).one(db).await?;
    Ok(Some(first.max(handed_on.map_or(0, |row| row.value))))
}

/// Whoever else hands on, or makes an endpoint, waits here and goes on behind this.
pub async fn take_turns(tx: &Tx) -> Result<()> {
    let row = sequence::ActiveModel { name: Set(POSITION.to_owned()), value: Set(0) };
    let known = OnConflict::column(sequence::Column::Name).do_nothing().to_owned();
    sequence::Entity::insert(row).on_conflict(known).exec_without_returning(&**tx).await?;
    sequence::Entity::find_by_id(POSITION.to_owned()).lock_exclusive().one(&**tx).await?;
    Ok(())
}

async fn fan(tx: &Tx, now: i64) -> Result<bool> {
    take_turns(tx).await?;
    let Some(from) = start(&**tx).await? else { return Ok(false) };
    let events = event::Entity::find().filter(event::Column::Position.gt(from));
    let events = events.order_by_asc(event::Column::Position).limit(SOME).all(&**tx).await?;
    let Some(last) = events.last().map(|event| event.position) else { return Ok(false) };
    let endpoints = endpoint::Entity::find().filter(endpoint::Column::State.eq("enabled"));
    // Shared, so that none is deleted or disabled between this and the commit.
    let endpoints = endpoints.order_by_asc(endpoint::Column::Id).lock_shared().all(&**tx).await?;
    let mut rows = Vec::new();
    for endpoint in &endpoints {
        let before = rows.len();
        rows.extend(for_endpoint(endpoint, &events, now));
        if rows.len() > before {
            deliver::ask(tx, endpoint.id, now, now).await?;
        }
    }
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(TOGETHER));
        delivery::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
        rows = rest;
    }
    let moved = sequence::Entity::update_many().col_expr(sequence::Column::Value, last.into());
    moved.filter(sequence::Column::Name.eq(POSITION)).exec(&**tx).await?;
    Ok(events.len() as u64 == SOME)
}

fn for_endpoint(endpoint: &endpoint::Model, events: &[event::Model], now: i64) -> Vec<delivery::ActiveModel> {
    let wanted = wanted(&endpoint.events);
    let mine = events
        .iter()
        .filter(|event| event.position > endpoint.since && wants(&wanted, &event.kind, &event.topic));
    let rows = mine.filter_map(|row| {
        let event = Event::of(row)?;
        let data = json!(event.data);
        let happened = Happened { event: row.id, kind: &row.kind, at: row.occurred_at, data };
        let mut delivery = pending(endpoint, happened, now);
        delivery.position = Set(Some(row.position));
        Some(delivery)
    });
    rows.collect()
}
