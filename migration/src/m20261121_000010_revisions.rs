//! Revisions of posts and documents.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "revisions",
            vec![
                uuid("id"),
                nullable_uuid("post_id"),
                nullable_uuid("document_id"),
                bigint("version"),
                text("change"),
                // No foreign key to users: revisions retain the id of a deleted user.
                nullable_uuid("changed_by"),
                nullable_uuid("restored_from"),
                bigint("created_at"),
                // The last column, because SQLite reads the overflow pages of a long text to reach later columns.
                text("content"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                foreign_key(t, &["document_id"], "documents", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        create_index(m, "revisions", &["post_id", "version"], true).await?;
        create_index(m, "revisions", &["document_id", "version"], true).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["revisions"]).await
    }
}
