//! Scope checks for API keys. A key needs the scope of a topic to configure an endpoint for the topic and to
//! read its deliveries. Sessions can read all topics.
use entity::webhook_delivery as delivery;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use uuid::Uuid;

use super::{
    deliveries::TEST,
    filter::{matches, parse},
    types::DeliveryState,
};
use crate::{
    domain::event::EventType,
    http::{
        auth::Principal,
        problem::{Error, Result},
    },
    infra::db::Tx,
};

/// Returns the event types that the caller cannot read.
fn hidden(admin: &Principal) -> impl Iterator<Item = &'static EventType> {
    EventType::ALL.iter().filter(|kind| !admin.has_scope(kind.topic().scope()))
}

/// Returns the delivery types that the caller can read; `None` if it can read all.
pub fn readable_kinds(admin: &Principal) -> Option<Vec<&'static str>> {
    hidden(admin).next()?;
    let readable = EventType::ALL.iter().filter(|kind| admin.has_scope(kind.topic().scope()));
    Some(readable.map(|kind| kind.as_str()).chain([TEST]).collect())
}

/// Rejects a caller that cannot read the topic of a delivery.
pub fn check_delivery(admin: &Principal, kind: &str) -> Result<()> {
    match readable_kinds(admin).is_none_or(|kinds| kinds.contains(&kind)) {
        true => Ok(()),
        false => Err(Error::Forbidden("the API key lacks the scope of the topic of this delivery")),
    }
}

/// Rejects a caller that cannot read all events of a stored filter list.
pub fn check_filters(admin: &Principal, events: &str) -> Result<()> {
    let filters = &parse(events);
    match hidden(admin).any(|kind| matches(filters, kind.as_str(), kind.topic().as_str())) {
        false => Ok(()),
        true => Err(Error::Forbidden("the API key lacks the scope of a topic that the endpoint receives")),
    }
}

/// Rejects a new URL if the caller cannot read all pending deliveries, because they would be sent to the new
/// URL. The current filters are not sufficient for this check: they may have been wider before.
pub async fn check_new_url(tx: &Tx, admin: &Principal, endpoint: Uuid) -> Result<()> {
    let Some(kinds) = readable_kinds(admin) else { return Ok(()) };
    let unreadable = delivery::Entity::find()
        .filter(delivery::Column::EndpointId.eq(endpoint))
        .filter(delivery::Column::State.eq(DeliveryState::Pending))
        .filter(delivery::Column::Kind.is_not_in(kinds));
    match unreadable.count(&**tx).await? {
        0 => Ok(()),
        _ => Err(Error::Forbidden(
            "the API key lacks the scope of a topic with pending deliveries of this endpoint",
        )),
    }
}
