//! `shared_limits`: the state of the rate limits that all processes share.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shared_limits")]
pub struct Model {
    /// A keyed hash of the limit and of what it counts.
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub counted_at: i64,
    /// The theoretical arrival time of the next attempt, or for a delay the time from which it is accepted.
    pub arrival: i64,
    /// The failed attempts of a delay; 0 for a quota.
    pub failures: i32,
    pub expires_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
