//! `posts`: one row per article. `published_at` is 0 for drafts, because SQLite and PostgreSQL sort NULL at
//! opposite ends.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, Default, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub slug: String,
    pub title: String,
    pub content: String,
    pub excerpt: Option<String>,
    pub cover_image: Option<String>,
    pub author_id: Uuid,
    pub published_at: i64,
    /// The scheduled time at which the draft is published.
    pub publish_at: Option<i64>,
    /// The scheduled time at which the post becomes a draft.
    pub unpublish_at: Option<i64>,
    pub comments_count: i64,
    pub search: String,
    pub source: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
    pub deleted_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::AuthorId", to = "super::user::Column::Id")]
    Author,
}

impl ActiveModelBehavior for ActiveModel {}
