//! The bytes of request bodies that accounts have sent on a day.
use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        // No foreign key: the bytes of an account that is deleted meanwhile would fail the whole batch.
        create_table(m, "daily_writes", vec![uuid("user_id"), bigint("day"), bigint("bytes")], |t| {
            primary_key(t, &["user_id", "day"]);
        })
        .await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(m, &["daily_writes"]).await
    }
}
