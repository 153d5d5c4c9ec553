//! `media_leftovers`: bytes that no row of `media` has a claim to, not yet or not any more.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media_leftovers")]
pub struct Model {
    /// What the keys of the bytes have in common.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stem: String,
    /// 1 once they are to go, whatever happens; 0 while an upload may still claim them.
    pub doomed: i32,
    pub since: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
