//! Internal tables: stored responses for idempotency keys, the import log, and version counters of
//! collections.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(
            m,
            "idempotency_keys",
            vec![
                text("scope"),
                text("fingerprint"),
                integer("status"),
                nullable_text("location"),
                nullable_text("etag"),
                text("body"),
                bigint("created_at"),
                bigint("expires_at"),
            ],
            |t| {
                primary_key(t, &["scope"]);
            },
        )
        .await?;
        create_index(m, "idempotency_keys", &["expires_at"], false).await?;
        let imports = vec![text("kind"), text("source"), text("digest"), uuid("target"), bigint("version")];
        create_table(m, "imports", imports, |t| {
            primary_key(t, &["kind", "source"]);
        })
        .await?;
        create_table(m, "collections", vec![text("name"), bigint("version")], |t| {
            primary_key(t, &["name"]);
        })
        .await?;
        Ok(())
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["collections", "imports", "idempotency_keys"]).await
    }
}
