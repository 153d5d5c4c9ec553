//! `media`: uploaded images. The bytes are in blob storage under `key`.
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub key: String,
    pub filename: String,
    pub media_type: String,
    pub size: i64,
    pub width: i64,
    pub height: i64,
    /// The SHA-256 hash of the stored bytes, in hexadecimal.
    pub sha256: String,
    pub blurhash: String,
    /// The focal point, measured from the left and the top in ten-thousandths of width and height.
    pub focus_x: Option<i64>,
    pub focus_y: Option<i64>,
    pub alt: Option<String>,
    pub uploaded_by: Option<Uuid>,
    pub search: String,
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
