//! Channels and messages.
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
        drop_tables(m, &["messages", "channels"]).await
    }
}

async fn channels(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        uuid("id"),
        text("name"),
        nullable_text("description"),
        text("audience"),
        bigint("version"),
        bigint("created_at"),
        bigint("updated_at"),
    ];
    create_table(m, "channels", columns, |t| primary_key(t, &["id"])).await?;
    create_index(m, "channels", &["name"], true).await
}

async fn messages(m: &SchemaManager<'_>) -> Result<(), DbErr> {
    let columns = vec![
        uuid("id"),
        uuid("channel_id"),
        uuid("author_id"),
        text("text"),
        nullable_uuid("client_id"),
        nullable_text("client_digest"),
        bigint("version"),
        bigint("created_at"),
        bigint("updated_at"),
    ];
    create_table(m, "messages", columns, |t| {
        // No foreign key to the channel: its messages can be many, so they are deleted after it, in batches.
        primary_key(t, &["id"]);
        foreign_key(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
    })
    .await?;
    create_index(m, "messages", &["channel_id", "id"], false).await?;
    create_index(m, "messages", &["author_id"], false).await?;
    create_index(m, "messages", &["channel_id", "author_id", "client_id"], true).await
}
