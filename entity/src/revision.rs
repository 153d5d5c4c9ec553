//! `revisions`: versions of posts and documents, one row each.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub post_id: Option<Uuid>,
    pub document_id: Option<Uuid>,
    pub version: i64,
    pub change: Change,
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

/// Kinds of changes that create a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum Change {
    /// The first version.
    Created,
    /// A user replaced or updated the resource.
    Changed,
    /// An import created or updated the resource.
    Imported,
    /// An earlier revision was restored.
    Restored,
    /// The resource was deleted.
    Deleted,
    /// The deleted resource was restored.
    Undeleted,
    /// The post was published as scheduled.
    Published,
    /// The post became a draft as scheduled.
    Unpublished,
}
