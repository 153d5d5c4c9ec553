//! `revisions`: what posts and documents were, a row for each version.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub post_id: Option<Uuid>,
    pub document_id: Option<Uuid>,
    pub version: i64,
    pub change: String,
    pub changed_by: Option<Uuid>,
    /// The revision that this one brought back.
    pub restored_from: Option<Uuid>,
    pub created_at: i64,
    /// The members that can be written, as JSON.
    pub content: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::ChangedBy", to = "super::user::Column::Id")]
    By,
}

impl ActiveModelBehavior for ActiveModel {}
