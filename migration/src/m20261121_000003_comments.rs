//! Comments in threads. The composite foreign key restricts the parent of a reply to comments on the same
//! post.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "comments",
            vec![
                uuid("id"),
                uuid("post_id"),
                nullable_uuid("parent_id"),
                uuid("author_id"),
                text("content"),
                text("status"),
                integer("depth"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                t.index(
                    Index::create()
                        .unique()
                        .name("uq_comments_post_id_id")
                        .col(Alias::new("post_id"))
                        .col(Alias::new("id")),
                );
                foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                foreign_key(
                    t,
                    &["post_id", "parent_id"],
                    "comments",
                    &["post_id", "id"],
                    ForeignKeyAction::Cascade,
                );
                foreign_key(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        create_index(m, "comments", &["post_id", "created_at", "id"], false).await?;
        create_index(m, "comments", &["status", "created_at", "id"], false).await?;
        create_index(m, "comments", &["post_id", "parent_id"], false).await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["comments"]).await
    }
}
