//! The addresses from which an API key was used. A key has one entry in the audit log for each.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        create_table(m, "api_key_addresses", vec![uuid("key_id"), text("address")], |t| {
            primary_key(t, &["key_id", "address"]);
            foreign_key(t, &["key_id"], "api_keys", &["id"], ForeignKeyAction::Cascade);
        })
        .await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["api_key_addresses"]).await
    }
}
