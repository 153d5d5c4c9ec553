//! Posts with their slugs, authors, tags, previews and former addresses; documents.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "posts",
            vec![
                id("id"),
                text("slug"),
                text("title"),
                maybe_text("excerpt"),
                maybe_text("cover_image"),
                id("author_id"),
                number("published_at"),
                maybe_number("publish_at"),
                maybe_number("unpublish_at"),
                number("comments_count"),
                text("search"),
                maybe_text("source"),
                number("version"),
                number("created_at"),
                number("updated_at"),
                maybe_number("deleted_at"),
                // Last: what stands behind a long text is read through it.
                text("content"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["author_id"], "users", &["id"], ForeignKeyAction::Restrict);
            },
        )
        .await?;
        index(m, "posts", &["slug"], true).await?;
        index(m, "posts", &["source"], true).await?;
        index(m, "posts", &["deleted_at", "published_at", "id"], false).await?;
        index(m, "posts", &["created_at", "id"], false).await?;
        index(m, "posts", &["updated_at", "id"], false).await?;
        index(m, "posts", &["title", "id"], false).await?;
        index(m, "posts", &["author_id", "published_at"], false).await?;
        // No reference to the post: a slug is claimed before its post is there.
        create(m, "post_slugs", vec![text("slug"), id("post_id"), number("created_at")], |t| {
            primary(t, &["slug"]);
        })
        .await?;
        index(m, "post_slugs", &["post_id"], false).await?;
        create(m, "post_coauthors", vec![id("post_id"), id("user_id"), small("position")], |t| {
            primary(t, &["post_id", "user_id"]);
            reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            reference(t, &["user_id"], "users", &["id"], ForeignKeyAction::Restrict);
        })
        .await?;
        index(m, "post_coauthors", &["user_id", "post_id"], false).await?;
        create(
            m,
            "tags",
            vec![
                id("id"),
                text("slug"),
                text("name"),
                maybe_text("description"),
                small("kept"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| {
                primary(t, &["id"]);
            },
        )
        .await?;
        index(m, "tags", &["slug"], true).await?;
        create(m, "post_tags", vec![id("post_id"), id("tag_id"), small("position")], |t| {
            primary(t, &["post_id", "tag_id"]);
            reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            reference(t, &["tag_id"], "tags", &["id"], ForeignKeyAction::Cascade);
        })
        .await?;
        index(m, "post_tags", &["tag_id", "post_id"], false).await?;
        create(
            m,
            "previews",
            vec![id("id"), id("post_id"), id("created_by"), number("expires_at"), number("created_at")],
            |t| {
                primary(t, &["id"]);
                reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        index(m, "previews", &["post_id"], false).await?;
        create(
            m,
            "documents",
            vec![
                id("id"),
                text("path"),
                text("title"),
                text("content"),
                number("position"),
                text("search"),
                number("version"),
                number("created_at"),
                number("updated_at"),
                maybe_number("deleted_at"),
            ],
            |t| {
                primary(t, &["id"]);
            },
        )
        .await?;
        // What is in the trash leaves its path to others.
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
        index(m, "documents", &["deleted_at", "position", "path"], false).await?;
        create(
            m,
            "aliases",
            vec![text("path"), maybe_id("post_id"), maybe_id("document_id"), number("created_at")],
            |t| {
                primary(t, &["path"]);
                reference(t, &["post_id"], "posts", &["id"], ForeignKeyAction::Cascade);
                reference(t, &["document_id"], "documents", &["id"], ForeignKeyAction::Cascade);
            },
        )
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(
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
