//! Posts with slugs, co-authors, tags, preview links and former paths; documents.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "posts",
            vec![
                uuid("id"),
                text("slug"),
                text("title"),
                nullable_text("excerpt"),
                nullable_text("cover_image"),
                uuid("author_id"),
                bigint("published_at"),
                nullable_bigint("publish_at"),
                nullable_bigint("unpublish_at"),
                bigint("comments_count"),
                text("search"),
                nullable_text("source"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
                nullable_bigint("deleted_at"),
                // The last column, because SQLite reads the overflow pages of a long text to reach later columns.
                text("content"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        create_index(m, "posts", &["slug"], true).await?;
        create_index(m, "posts", &["source"], true).await?;
        create_index(m, "posts", &["deleted_at", "published_at", "id"], false).await?;
        create_index(m, "posts", &["created_at", "id"], false).await?;
        create_index(m, "posts", &["updated_at", "id"], false).await?;
        create_index(m, "posts", &["title", "id"], false).await?;
        create_index(m, "posts", &["author_id", "published_at"], false).await?;
        // No foreign key to posts: a slug is reserved before its post is inserted.
        create_table(m, "post_slugs", vec![text("slug"), uuid("post_id"), bigint("created_at")], |t| {
            primary_key(t, &["slug"]);
        })
        .await?;
        create_index(m, "post_slugs", &["post_id"], false).await?;
        create_table(m, "post_coauthors", vec![uuid("post_id"), uuid("user_id"), integer("position")], |t| {
            primary_key(t, &["post_id", "user_id"]);
            foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            foreign_key(t, &["user_id"], "users", &["id"], ForeignKeyAction::Restrict);
        })
        .await?;
        create_index(m, "post_coauthors", &["user_id", "post_id"], false).await?;
        create_table(
            m,
            "tags",
            vec![
                uuid("id"),
                text("slug"),
                text("name"),
                nullable_text("description"),
                integer("listed_without_posts"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
            },
        )
        .await?;
        create_index(m, "tags", &["slug"], true).await?;
        create_table(m, "post_tags", vec![uuid("post_id"), uuid("tag_id"), integer("position")], |t| {
            primary_key(t, &["post_id", "tag_id"]);
            foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            foreign_key(t, &["tag_id"], "tags", &["id"], ForeignKeyAction::Cascade);
        })
        .await?;
        create_index(m, "post_tags", &["tag_id", "post_id"], false).await?;
        create_table(
            m,
            "previews",
            vec![uuid("id"), uuid("post_id"), uuid("created_by"), bigint("expires_at"), bigint("created_at")],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        create_index(m, "previews", &["post_id"], false).await?;
        create_table(
            m,
            "documents",
            vec![
                uuid("id"),
                text("path"),
                text("title"),
                text("content"),
                bigint("position"),
                text("search"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
                nullable_bigint("deleted_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
            },
        )
        .await?;
        // Partial: a deleted document does not reserve its path.
        m.create_index(
            Index::create()
                .name("uq_documents_path")
                .table(Alias::new("documents"))
                .col(Alias::new("path"))
                .unique()
                .and_where(Expr::col(Alias::new("deleted_at")).is_null())
                .to_owned(),
        )
        .await?;
        create_index(m, "documents", &["deleted_at", "position", "path"], false).await?;
        create_table(
            m,
            "aliases",
            vec![text("path"), nullable_uuid("post_id"), nullable_uuid("document_id"), bigint("created_at")],
            |t| {
                primary_key(t, &["path"]);
                foreign_key(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                foreign_key(t, &["document_id"], "documents", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(
            m,
            &[
                "aliases",
                "documents",
                "previews",
                "post_tags",
                "tags",
                "post_coauthors",
                "post_slugs",
                "posts",
            ],
        )
        .await
    }
}
