//! Lists of webhook events.
use entity::webhook_event;
use sea_orm::{ColumnTrait, EntityTrait, IntoSimpleExpr, QueryFilter};

use super::{
    service::WebhookEvents,
    types::{WebhookEvent, WebhookEventQuery, WebhookEventSummary},
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        cursor::{PageQuery, SortKey, SortValue},
        etag::ETag,
        pagination::Page,
        problem::Result,
    },
};

impl From<webhook_event::Model> for WebhookEvent {
    fn from(row: webhook_event::Model) -> Self {
        let (version, body) = (row.version, row.body);
        let summary = WebhookEventSummary {
            id: Id::from(row.id),
            provider: row.provider,
            provider_id: row.provider_id.into(),
            kind: row.kind.into(),
            state: row.state,
            outcome: row.outcome.map(Into::into),
            attempts: row.attempts,
            received_at: Timestamp(row.received_at),
            handled_at: row.handled_at.map(Timestamp),
        };
        WebhookEvent { summary, body: body.into(), version }
    }
}

impl WebhookEvents {
    /// Returns the weak ETag of a list, which changes with every change of the `webhook_events` table.
    pub async fn list_etag(&self, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["webhook events"]).await?;
        Ok(ETag::weak_from_parts(&["webhook events", &version.to_string(), target]))
    }

    pub async fn list(&self, query: &WebhookEventQuery) -> Result<Page<WebhookEventSummary>> {
        let mut find = webhook_event::Entity::find();
        if let Some(provider) = query.provider {
            find = find.filter(webhook_event::Column::Provider.eq(provider));
        }
        if let Some(kind) = &query.kind {
            find = find.filter(webhook_event::Column::Kind.eq(kind.as_str()));
        }
        if let Some(state) = query.state {
            find = find.filter(webhook_event::Column::State.eq(state));
        }
        let sort = query.sort.as_deref().unwrap_or("-receivedAt");
        let descending = sort.starts_with('-');
        let key = |column: webhook_event::Column| SortKey { column: column.into_simple_expr(), descending };
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("webhook events {:?} {:?} {:?} {sort}", query.provider, query.kind, query.state),
            order: vec![key(webhook_event::Column::ReceivedAt), key(webhook_event::Column::Id)],
            params: &query.paging,
        };
        let position =
            |row: &webhook_event::Model| vec![SortValue::Number(row.received_at), SortValue::Id(row.id)];
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        let data = rows.into_iter().map(|row| WebhookEvent::from(row).summary).collect();
        Ok(Page { data, pagination })
    }
}
