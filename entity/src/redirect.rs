//! `redirects`: redirect rules, one per pattern.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "redirects")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub kind: RedirectKind,
    /// The source as clients write it, with its host and its conditions.
    pub source: String,
    /// The pattern with hyphens instead of slashes; not unique.
    pub key_form: String,
    pub destination: String,
    /// The status code: 303, 307 or 308.
    pub status: i32,
    /// Whether the destination may be on any host.
    pub external: i32,
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

/// The kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "lowercase")]
pub enum RedirectKind {
    /// One path.
    Exact,
    /// A path and every path below it: `/old/*`.
    Prefix,
    /// Paths with a variable part: `/blog/*.html`, `/blog/:year`.
    Wildcard,
}
