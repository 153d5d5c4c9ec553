//! Webhook endpoints have header fields of their own. The values are sealed together, the names are not secret.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let table = || Table::alter().table(Alias::new("webhook_endpoints")).take();
        let names = text("header_names").default("[]").take();
        m.alter_table(table().add_column(names).take()).await?;
        m.alter_table(table().add_column(nullable_text("header_values")).take()).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let table = || Table::alter().table(Alias::new("webhook_endpoints")).take();
        m.alter_table(table().drop_column(Alias::new("header_values")).take()).await?;
        m.alter_table(table().drop_column(Alias::new("header_names")).take()).await
    }
}
