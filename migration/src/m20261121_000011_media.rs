//! Media: uploaded images, and prefixes of unreferenced blobs.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "media",
            vec![
                uuid("id"),
                text("key"),
                text("filename"),
                text("media_type"),
                bigint("size"),
                bigint("width"),
                bigint("height"),
                text("sha256"),
                text("blurhash"),
                nullable_bigint("focus_x"),
                nullable_bigint("focus_y"),
                nullable_text("alt"),
                nullable_uuid("uploaded_by"),
                text("search"),
                bigint("version"),
                bigint("created_at"),
                bigint("updated_at"),
            ],
            |t| {
                primary_key(t, &["id"]);
                foreign_key(t, &["uploaded_by"], "users", &["id"], ForeignKeyAction::SetNull);
            },
        )
        .await?;
        create_index(m, "media", &["key"], true).await?;
        create_index(m, "media", &["uploaded_by", "sha256"], true).await?;
        create_index(m, "media", &["created_at", "id"], false).await?;
        create_index(m, "media", &["filename", "id"], false).await?;
        create_index(m, "media", &["size", "id"], false).await?;
        create_table(m, "media_orphans", vec![text("stem"), integer("deletable"), bigint("since")], |t| {
            primary_key(t, &["stem"]);
        })
        .await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["media_orphans", "media"]).await
    }
}
