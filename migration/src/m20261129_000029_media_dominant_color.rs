//! The dominant color of images. Earlier images have none: their color is computed from the BlurHash.
use sea_orm_migration::prelude::*;

use crate::columns::nullable_bigint;

#[derive(DeriveMigrationName)]
pub struct Migration;

const COLUMN: &str = "dominant_color";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {
        let range = Expr::col(Alias::new(COLUMN)).between(0, 0xFF_FFFF);
        let column = nullable_bigint(COLUMN).check(range).take();
        m.alter_table(Table::alter().table(Alias::new("media")).add_column(column).take()).await
    }

    async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {
        m.alter_table(Table::alter().table(Alias::new("media")).drop_column(Alias::new(COLUMN)).take()).await
    }
}
