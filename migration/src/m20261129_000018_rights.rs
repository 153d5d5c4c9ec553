//! Events about comments name the post that decides who receives them. Events about own posts and images have an audience
//! of their own, because the rights of their owner depend on the role. Deletes the preview links and API keys of
//! accounts that have lost the right to create them. Adds an index for preview links by creator, and the hash of the
//! bodies of webhook events.
use sea_orm_migration::{prelude::*, sea_orm::ConnectionTrait};

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// The post of an earlier event about a comment is not known: after the migration, only editors receive such an event.
const UP: &str = r#"
UPDATE "events" SET "audience" = 'editors', "owner" = NULL WHERE "topic" = 'comments';
UPDATE "events" SET "audience" = 'content-owner'
    WHERE "topic" IN ('posts', 'media') AND "audience" = 'editors' AND "owner" IS NOT NULL;
DELETE FROM "previews" WHERE "created_by" NOT IN
    (SELECT "id" FROM "users" WHERE "status" = 'active' AND "role" IN ('author', 'editor', 'admin'));
DELETE FROM "api_keys" WHERE "user_id" NOT IN (SELECT "id" FROM "users" WHERE "status" = 'active');
"#;

/// An event about a comment is public only if its post is. The earlier version does not check it.
const DOWN: &str = r#"
UPDATE "events" SET "audience" = 'editors', "owner" = NULL WHERE "topic" = 'comments';
UPDATE "events" SET "audience" = 'editors' WHERE "audience" = 'content-owner';
"#;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let events = Table::alter().table(Alias::new("events")).add_column(nullable_uuid("post")).take();
        m.alter_table(events).await?;
        m.get_connection().execute_unprepared(UP).await?;
        create_index(m, "previews", &["created_by"], false).await?;
        let digest = nullable_text("body_digest");
        let webhook_events = Table::alter().table(Alias::new("webhook_events")).add_column(digest).take();
        m.alter_table(webhook_events).await?;
        create_index(m, "webhook_events", &["provider", "body_digest"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let webhook_events = Alias::new("webhook_events");
        let index = "ix_webhook_events_provider_body_digest";
        m.drop_index(Index::drop().name(index).to_owned()).await?;
        let column = Alias::new("body_digest");
        m.alter_table(Table::alter().table(webhook_events).drop_column(column).take()).await?;
        m.drop_index(Index::drop().name("ix_previews_created_by").to_owned()).await?;
        m.get_connection().execute_unprepared(DOWN).await?;
        let events = Table::alter().table(Alias::new("events")).drop_column(Alias::new("post")).take();
        m.alter_table(events).await
    }
}
