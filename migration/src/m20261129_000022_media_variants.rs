//! The stored variants of images, with their sizes and last uses.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![uuid("media_id"), text("name"), bigint("size"), bigint("used_at")];
        create_table(m, "media_variants", columns, |t| {
            primary_key(t, &["media_id", "name"]);
            foreign_key(t, &["media_id"], "media", &["id"], ForeignKeyAction::Cascade);
        })
        .await?;
        // With the size, so that the total is read from the index.
        create_index(m, "media_variants", &["used_at", "size"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["media_variants"]).await
    }
}
