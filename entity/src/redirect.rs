//! `redirects`: redirect rules, one per pattern.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "redirects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `exact`, `prefix` or `wildcard`.
    pub kind: String,
    pub source: String,
    /// The pattern with hyphens instead of slashes; not unique.
    pub key_form: String,
    pub destination: String,
    pub permanent: i32,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub hits: i64,
    pub search: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
