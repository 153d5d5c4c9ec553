//! Comments in threads: a reply can only answer a comment of the same post.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "comments",
            vec![
                id("id"),
                id("post_id"),
                maybe_id("parent_id"),
                id("author_id"),
                text("content"),
                text("status"),
                small("depth"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| {
                primary(t, &["id"]);
                t.index(
                    Index::create()
                        .unique()
                        .name("uq_comments_post_id_id")
                        .col(Alias::new("post_id"))
                        .col(Alias::new("id")),
                );
                reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                reference(
                    t,
                    &["post_id", "parent_id"],
                    "comments",
                    &["post_id", "id"],
                    ForeignKeyAction::Cascade,
                );
                reference(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        index(m, "comments", &["post_id", "created_at", "id"], false).await?;
        index(m, "comments", &["status", "created_at", "id"], false).await?;
        index(m, "comments", &["post_id", "parent_id"], false).await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["comments"]).await
    }
}
