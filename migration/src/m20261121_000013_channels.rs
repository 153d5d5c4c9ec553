//! Channels, and what is said in them.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        channels(m).await?;
        messages(m).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["messages", "channels"]).await
    }
}

async fn channels(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        id("id"),
        text("name"),
        maybe_text("description"),
        text("audience"),
        number("version"),
        number("created_at"),
        number("updated_at"),
    ];
    create(m, "channels", columns, |t| primary(t, &["id"])).await?;
    index(m, "channels", &["name"], true).await
}

async fn messages(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        id("id"),
        id("channel_id"),
        id("author_id"),
        text("text"),
        maybe_id("client_id"),
        maybe_text("client_digest"),
        number("version"),
        number("created_at"),
        number("updated_at"),
    ];
    create(m, "messages", columns, |t| {
        // Nothing holds it to its channel: what was said in a long one goes after it, a few at a time.
        primary(t, &["id"]);
        reference(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
    })
    .await?;
    index(m, "messages", &["channel_id", "id"], false).await?;
    index(m, "messages", &["author_id"], false).await?;
    index(m, "messages", &["channel_id", "author_id", "client_id"], true).await
}
