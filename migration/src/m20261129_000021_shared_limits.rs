//! Rate limits that all processes share: those of attempts to sign in and to register.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let columns = vec![
            text("key"),
            bigint("counted_at"),
            bigint("arrival"),
            integer("failures"),
            bigint("expires_at"),
        ];
        create_table(m, "shared_limits", columns, |t| primary_key(t, &["key"])).await?;
        create_index(m, "shared_limits", &["expires_at"], false).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["shared_limits"]).await
    }
}
