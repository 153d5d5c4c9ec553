//! The hash of the secret that the access tokens of a session carry.
use sea_orm_migration::prelude::*;

use crate::columns::text;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let column = text("secret_hash").default("").take();
        m.alter_table(Table::alter().table(Alias::new("sessions")).add_column(column).take()).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let column = Alias::new("secret_hash");
        m.alter_table(Table::alter().table(Alias::new("sessions")).drop_column(column).take()).await
    }
}
