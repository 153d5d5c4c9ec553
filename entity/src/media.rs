//! `media`: uploaded images. The bytes are in blob storage under `key`.
use poem_openapi::Enum;
use sea_orm::entity::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "media")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub key: String,
    pub filename: String,
    pub media_type: MediaType,
    pub size: i64,
    pub width: i64,
    pub height: i64,
    /// The SHA-256 hash of the stored bytes, in hexadecimal.
    pub sha256: String,
    pub blurhash: String,
    /// The dominant color as 24 bits: red, green, blue. `None` for images of earlier versions.
    pub dominant_color: Option<i64>,
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

/// The media type of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum MediaType {
    /// JPEG: lossy, best for photographs.
    #[oai(rename = "image/jpeg")]
    #[serde(rename = "image/jpeg")]
    #[sea_orm(string_value = "image/jpeg")]
    Jpeg,
    /// PNG: lossless.
    #[oai(rename = "image/png")]
    #[serde(rename = "image/png")]
    #[sea_orm(string_value = "image/png")]
    Png,
    /// WebP: lossy or lossless.
    #[oai(rename = "image/webp")]
    #[serde(rename = "image/webp")]
    #[sea_orm(string_value = "image/webp")]
    Webp,
    /// GIF: up to 256 colors, may be animated.
    #[oai(rename = "image/gif")]
    #[serde(rename = "image/gif")]
    #[sea_orm(string_value = "image/gif")]
    Gif,
}
