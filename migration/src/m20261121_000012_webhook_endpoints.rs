//! Webhook endpoints and their deliveries.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        endpoints(m).await?;
        deliveries(m).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["webhook_deliveries", "webhook_endpoints"]).await
    }
}

async fn endpoints(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        uuid("id"),
        text("url"),
        nullable_text("description"),
        text("events"),
        text("format"),
        text("secret"),
        nullable_text("previous_secret"),
        nullable_bigint("previous_secret_until"),
        text("state"),
        nullable_text("disabled_reason"),
        nullable_bigint("failing_since"),
        bigint("start_position"),
        bigint("version"),
        bigint("created_at"),
        bigint("updated_at"),
    ];
    create_table(m, "webhook_endpoints", columns, |t| primary_key(t, &["id"])).await?;
    create_index(m, "webhook_endpoints", &["state", "id"], false).await
}

async fn deliveries(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        uuid("id"),
        uuid("endpoint_id"),
        uuid("event_id"),
        nullable_bigint("position"),
        text("kind"),
        bigint("occurred_at"),
        text("format"),
        text("payload"),
        text("state"),
        integer("attempts"),
        nullable_integer("last_status"),
        nullable_text("last_error"),
        nullable_text("response"),
        nullable_bigint("next_at"),
        bigint("version"),
        bigint("created_at"),
        bigint("updated_at"),
        nullable_bigint("delivered_at"),
    ];
    create_table(m, "webhook_deliveries", columns, |t| {
        // No foreign key to the endpoint: its deliveries can be many, so they are deleted after it, in
        // batches.
        primary_key(t, &["id"]);
    })
    .await?;
    create_index(m, "webhook_deliveries", &["endpoint_id", "event_id"], true).await?;
    create_index(m, "webhook_deliveries", &["endpoint_id", "state", "next_at", "id"], false).await?;
    create_index(m, "webhook_deliveries", &["endpoint_id", "id"], false).await?;
    create_index(m, "webhook_deliveries", &["state", "updated_at"], false).await
}
