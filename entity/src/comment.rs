//! `comments`: threaded comments on posts.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub post_id: Uuid,
    pub parent_id: Option<Uuid>,
    pub author_id: Uuid,
    pub content: String,
    pub status: CommentStatus,
    pub depth: i32,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::post::Entity", from = "Column::PostId", to = "super::post::Column::Id")]
    Post,
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::AuthorId", to = "super::user::Column::Id")]
    Author,
}

impl ActiveModelBehavior for ActiveModel {}

/// The moderation status, which decides the visibility of a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum CommentStatus {
    /// Awaits moderation: visible to its author and editors.
    Pending,
    /// Visible to all readers of the post.
    Approved,
    /// Rejected by an editor: visible to its author and editors.
    Rejected,
}
