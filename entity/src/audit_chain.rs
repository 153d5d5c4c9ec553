//! `audit_chain`: the two ends of the hash chain of the audit log, in one row.
use sea_orm::entity::prelude::*;

/// The id of the only row.
pub const ID: i64 = 1;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_chain")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The position of the newest entry; 0 before the first.
    pub position: i64,
    /// The hash of the newest entry.
    pub hash: String,
    /// The position of the last entry that the retention has deleted; 0 before the first.
    pub anchor_position: i64,
    /// The hash of this entry, which the hash of the oldest stored entry covers.
    pub anchor_hash: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
