//! What happens after an answer, and what is told of what happened.
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
        drop(m, &["events", "jobs"]).await
    }
}

async fn jobs(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        id("id"),
        text("kind"),
        text("lane"),
        maybe_text("unique_key"),
        text("data"),
        text("state"),
        number("run_at"),
        small("asked"),
        small("attempts"),
        small("max_attempts"),
        maybe_id("lease"),
        maybe_number("leased_until"),
        maybe_text("last_error"),
        number("version"),
        number("created_at"),
        number("updated_at"),
        maybe_number("finished_at"),
    ];
    create(m, "jobs", columns, |t| primary(t, &["id"])).await?;
    index(m, "jobs", &["unique_key"], true).await?;
    index(m, "jobs", &["state", "lane", "run_at", "id"], false).await?;
    index(m, "jobs", &["state", "leased_until"], false).await?;
    index(m, "jobs", &["state", "finished_at"], false).await?;
    index(m, "jobs", &["kind", "id"], false).await
}

async fn events(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        number("position"),
        id("id"),
        text("kind"),
        text("topic"),
        text("subject"),
        text("href"),
        number("version"),
        text("audience"),
        maybe_id("owner"),
        number("occurred_at"),
    ];
    create(m, "events", columns, |t| primary(t, &["position"])).await?;
    index(m, "events", &["occurred_at"], false).await
}
