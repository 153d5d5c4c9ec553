//! The job queue and the event log.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        jobs(m).await?;
        events(m).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["events", "jobs"]).await
    }
}

async fn jobs(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        uuid("id"),
        text("kind"),
        text("queue"),
        nullable_text("unique_key"),
        text("data"),
        text("state"),
        bigint("run_at"),
        integer("enqueue_count"),
        integer("attempts"),
        integer("max_attempts"),
        nullable_uuid("lease"),
        nullable_bigint("leased_until"),
        nullable_text("last_error"),
        bigint("version"),
        bigint("created_at"),
        bigint("updated_at"),
        nullable_bigint("finished_at"),
    ];
    create_table(m, "jobs", columns, |t| primary_key(t, &["id"])).await?;
    create_index(m, "jobs", &["unique_key"], true).await?;
    create_index(m, "jobs", &["state", "queue", "run_at", "id"], false).await?;
    create_index(m, "jobs", &["state", "leased_until"], false).await?;
    create_index(m, "jobs", &["state", "finished_at"], false).await?;
    create_index(m, "jobs", &["kind", "id"], false).await
}

async fn events(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        bigint("position"),
        uuid("id"),
        text("kind"),
        text("topic"),
        text("subject"),
        text("href"),
        bigint("version"),
        text("audience"),
        nullable_uuid("owner"),
        bigint("occurred_at"),
    ];
    create_table(m, "events", columns, |t| primary_key(t, &["position"])).await?;
    create_index(m, "events", &["occurred_at"], false).await
}
