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
    pub audience: EventAudience,
    /// A user who receives the event in addition to the audience.
    pub owner: Option<Uuid>,
    /// The post of a comment. It limits the audience when the event is sent.
    pub post: Option<Uuid>,
    pub occurred_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The group of callers that receive an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum EventAudience {
    /// All callers, also anonymous ones.
    #[sea_orm(string_value = "public")]
    Public,
    /// All authenticated callers.
    #[sea_orm(string_value = "authenticated")]
    Authenticated,
    /// Editors, accountants and admins.
    #[sea_orm(string_value = "staff")]
    Staff,
    /// Editors and admins.
    #[sea_orm(string_value = "editors")]
    Editors,
    /// Editors, admins, and the owner while their role may write content.
    #[sea_orm(string_value = "content-owner")]
    ContentOwner,
    /// Accountants and admins.
    #[sea_orm(string_value = "accountants")]
    Accountants,
    /// Admins.
    #[sea_orm(string_value = "admins")]
    Admins,
}
