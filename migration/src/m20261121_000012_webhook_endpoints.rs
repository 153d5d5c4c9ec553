//! Who is called when something happens, and what became of each call.
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
        drop(m, &["webhook_deliveries", "webhook_endpoints"]).await
    }
}

async fn endpoints(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        id("id"),
        text("url"),
        maybe_text("description"),
        text("events"),
        text("format"),
        text("secret"),
        maybe_text("previous_secret"),
        maybe_number("previous_until"),
        text("state"),
        maybe_text("disabled_reason"),
        maybe_number("failing_since"),
        number("since"),
        number("version"),
        number("created_at"),
        number("updated_at"),
    ];
    create(m, "webhook_endpoints", columns, |t| primary(t, &["id"])).await?;
    index(m, "webhook_endpoints", &["state", "id"], false).await
}

async fn deliveries(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        id("id"),
        id("endpoint_id"),
        id("event_id"),
        maybe_number("position"),
        text("kind"),
        number("occurred_at"),
        text("format"),
        text("payload"),
        text("state"),
        small("attempts"),
        ColumnDef::new(Alias::new("last_status")).integer().take(),
        maybe_text("last_error"),
        maybe_text("response"),
        maybe_number("next_at"),
        number("version"),
        number("created_at"),
        number("updated_at"),
        maybe_number("delivered_at"),
    ];
    create(m, "webhook_deliveries", columns, |t| {
        // Nothing holds it to its endpoint: a long log goes after it, a few at a time.
        primary(t, &["id"]);
    })
    .await?;
    index(m, "webhook_deliveries", &["endpoint_id", "event_id"], true).await?;
    index(m, "webhook_deliveries", &["endpoint_id", "state", "next_at", "id"], false).await?;
    index(m, "webhook_deliveries", &["endpoint_id", "id"], false).await?;
    index(m, "webhook_deliveries", &["state", "updated_at"], false).await
}
