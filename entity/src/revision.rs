//! `revisions`: versions of posts and documents, one row each.
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
    /// The id of the revision that this version restored.
    pub restored_from: Option<Uuid>,
    pub created_at: i64,
    /// The editable fields, as JSON.
    pub content: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::ChangedBy", to = "super::user::Column::Id")]
    By,
}

impl ActiveModelBehavior for ActiveModel {}
