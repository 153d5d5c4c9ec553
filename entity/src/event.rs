//! `events`: the event log, in commit order.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// The position in the log, from 1 without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub position: i64,
    pub id: Uuid,
    pub kind: String,
    pub topic: String,
    pub subject: String,
    pub href: String,
    pub version: i64,
    /// `public`, `editors`, `office` or `admins`.
    pub audience: String,
    /// A user who receives the event in addition to the audience.
    pub owner: Option<Uuid>,
    pub occurred_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
