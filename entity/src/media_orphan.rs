//! `media_orphans`: prefixes of blobs without a row in `media`: of uploads in progress and of deleted images.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media_orphans")]
pub struct Model {
    /// The common prefix of the blob keys.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stem: String,
    /// 1 if the blobs must be deleted; 0 while an upload can still reference them.
    pub deletable: i32,
    pub since: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
