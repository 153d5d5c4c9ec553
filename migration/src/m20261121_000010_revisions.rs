//! What posts and documents were, version by version.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "revisions",
            vec![
                id("id"),
                maybe_id("post_id"),
                maybe_id("document_id"),
                number("version"),
                text("change"),
                // No reference to the user: who has gone has still written what was written.
                maybe_id("changed_by"),
                maybe_id("restored_from"),
                number("created_at"),
                // Last: what stands behind a long text is read through it.
                text("content"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                reference(t, &["document_id"], "documents", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        index(m, "revisions", &["post_id", "version"], true).await?;
        index(m, "revisions", &["document_id", "version"], true).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["revisions"]).await
    }
}
