//! Media: pictures that were uploaded, and bytes that no picture has a claim to.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create(
            m,
            "media",
            vec![
                id("id"),
                text("key"),
                text("filename"),
                text("media_type"),
                number("size"),
                number("width"),
                number("height"),
                text("sha256"),
                text("blurhash"),
                maybe_number("focus_x"),
                maybe_number("focus_y"),
                maybe_text("alt"),
                maybe_id("uploaded_by"),
                text("search"),
                number("version"),
                number("created_at"),
                number("updated_at"),
            ],
            |t| {
                primary(t, &["id"]);
                reference(t, &["uploaded_by"], "users", &["id"], ForeignKeyAction::SetNull);
            },
        )
        .await?;
        index(m, "media", &["key"], true).await?;
        index(m, "media", &["uploaded_by", "sha256"], true).await?;
        index(m, "media", &["created_at", "id"], false).await?;
        index(m, "media", &["filename", "id"], false).await?;
        index(m, "media", &["size", "id"], false).await?;
        create(m, "media_leftovers", vec![text("stem"), small("doomed"), number("since")], |t| {
            primary(t, &["stem"]);
        })
        .await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop(m, &["media_leftovers", "media"]).await
    }
}
