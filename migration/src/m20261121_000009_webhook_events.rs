//! What providers tell by webhooks.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "webhook_events",
            vec![
                id("id"),
                text("provider"),
                text("provider_id"),
                maybe_text("delivery"),
                text("kind"),
                text("body"),
                text("state"),
                maybe_text("outcome"),
                small("attempts"),
                number("version"),
                number("received_at"),
                number("updated_at"),
                maybe_number("handled_at"),
            ],
            |t| primary(t, &["id"]),
        )
        .await?;
        index(m, "webhook_events", &["provider", "provider_id"], true).await?;
        index(m, "webhook_events", &["provider", "delivery"], true).await?;
        index(m, "webhook_events", &["received_at", "id"], false).await?;
        index(m, "webhook_events", &["state", "received_at"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["webhook_events"]).await
    }
}
