//! Events received from webhook providers.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "webhook_events",
            vec![
                uuid("id"),
                text("provider"),
                text("provider_id"),
                nullable_text("delivery"),
                text("kind"),
                text("body"),
                text("state"),
                nullable_text("outcome"),
                integer("attempts"),
                bigint("version"),
                bigint("received_at"),
                bigint("updated_at"),
                nullable_bigint("handled_at"),
            ],
            |t| primary_key(t, &["id"]),
        )
        .await?;
        create_index(m, "webhook_events", &["provider", "provider_id"], true).await?;
        create_index(m, "webhook_events", &["provider", "delivery"], true).await?;
        create_index(m, "webhook_events", &["received_at", "id"], false).await?;
        create_index(m, "webhook_events", &["state", "received_at"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["webhook_events"]).await
    }
}
