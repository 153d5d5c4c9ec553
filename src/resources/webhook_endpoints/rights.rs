//! What a key may have to do with an endpoint: it tells of what it may read, and of nothing else. Whoever signed in
//! may read all.
use entity::webhook_delivery as delivery;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{
    delivery::DeliveryState,
    filter::{wanted, wants},
    log::TEST,
};
use crate::{
    contract::{
        caller::Principal,
        event::EventType,
        problem::{Error, Result},
    },
    ports::db::Tx,
};

/// The types of events that an admin may not know of.
fn hidden(admin: &Principal) -> impl Iterator<Item = &'static EventType> {
    EventType::ALL.iter().filter(|kind| !admin.within(kind.topic().scope()))
}

/// The types of deliveries that a key may know of; none for those who may know of all.
pub fn known(admin: &Principal) -> Option<Vec<&'static str>> {
    hidden(admin).next()?;
    let told = EventType::ALL.iter().filter(|kind| admin.within(kind.topic().scope()));
    Some(told.map(|kind| kind.as_str()).chain([TEST]).collect())
}

/// Refuses who may not know what a delivery tells of.
pub fn may_know(admin: &Principal, kind: &str) -> Result<()> {
    match known(admin).is_none_or(|kinds| kinds.contains(&kind)) {
        true => Ok(()),
        false => Err(Error::Forbidden("this key lacks the scope to read what this delivery tells of")),
    }
}

/// Refuses who may not have others told of this; `events` are an endpoint's filters as they are kept.
pub fn may_hear(admin: &Principal, events: &str) -> Result<()> {
    let filters = &wanted(events);
    match hidden(admin).any(|kind| wants(filters, kind.as_str(), kind.topic().as_str())) {
        false => Ok(()),
        true => Err(Error::Forbidden("this key lacks the scope to read some of what the endpoint wants")),
    }
}

/// Refuses who would lead elsewhere what they may not read: an endpoint may have wanted more before.
pub async fn may_lead(tx: &Tx, admin: &Principal, endpoint: Uuid) -> Result<()> {
    let Some(known) = known(admin) else { return Ok(()) };
    let others = delivery::Entity::find()
        .filter(delivery::Column::EndpointId.eq(endpoint))
        .filter(delivery::Column::State.eq(DeliveryState::Pending.as_str()))
        .filter(delivery::Column::Kind.is_not_in(known));
    match others.count(&**tx).await? {
        0 => Ok(()),
        _ => Err(Error::Forbidden("this key lacks the scope to read some of what waits for the endpoint")),
    }
}
