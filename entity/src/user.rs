//! `users`: accounts. Imported authors have no e-mail address and cannot sign in.
use sea_orm::entity::prelude::*;

use crate::redacted::Redacted;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: Option<String>,
    pub name: String,
    pub bio: Option<String>,
    pub url: Option<String>,
    pub avatar_url: Option<String>,
    pub role: String,
    pub status: String,
    pub password_hash: Option<Redacted>,
    pub source: Option<String>,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
