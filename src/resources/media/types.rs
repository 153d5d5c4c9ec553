//! How a picture looks on the wire, apart from its bytes.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    contract::{
        answer::Resource, cache::Cache, etag::ETag, id::Id, page::Paging, patch::Given, time::Timestamp,
    },
    resources::users::User,
};

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
pub enum MediaType {
    /// A photograph.
    #[oai(rename = "image/jpeg")]
    #[serde(rename = "image/jpeg")]
    Jpeg,
    /// A drawing without loss.
    #[oai(rename = "image/png")]
    #[serde(rename = "image/png")]
    Png,
    /// A small picture of any kind.
    #[oai(rename = "image/webp")]
    #[serde(rename = "image/webp")]
    Webp,
    /// A drawing that may move.
    #[oai(rename = "image/gif")]
    #[serde(rename = "image/gif")]
    Gif,
}

/// A picture that was uploaded.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// What the picture is known by.
    pub id: Id<Media>,
    /// Where its bytes are: an absolute path on this service, for everybody.
    #[oai(validator(
        pattern = "^/media/[0-9a-f]{32}\\.(jpg|png|webp|gif)$",
        min_length = "43",
        max_length = "44"
    ))]
    pub url: String,
    /// The name under which it is saved.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub filename: String,
    /// What it is, told by its bytes.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// How many bytes it has as it is kept.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub size: i64,
    /// Pixels from left to right.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub width: i32,
    /// Pixels from top to bottom.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub height: i32,
    /// The SHA-256 of the bytes as they are kept, in hexadecimal.
    #[oai(validator(pattern = "^[0-9a-f]{64}$", min_length = "64", max_length = "64"))]
    pub sha256: String,
    /// A blur to show while the picture loads (BlurHash).
    #[oai(validator(pattern = "^[!-~]+$", min_length = "6", max_length = "166"))]
    pub blurhash: String,
    /// What it shows, for those who do not see it.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// What must stay in sight when the picture is cut, from the left (0) to the right (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_x: Option<f64>,
    /// The same from the top (0) to the bottom (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_y: Option<f64>,
    /// The same picture in the widths that pages use, narrowest first; none of a GIF, as it may move.
    #[oai(validator(max_items = "8"))]
    pub variants: Vec<MediaVariant>,
    /// Who uploaded it, while they have an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<Id<User>>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When what is said of it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) new: bool,
}

impl Resource for Media {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::of(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/media/{}", self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn is_new(&self) -> bool {
        self.new
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// A picture in another size.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct MediaVariant {
    /// Where its bytes are: an absolute path on this service.
    #[oai(validator(
        pattern = "^/media/[0-9a-f]{32}\\.(jpg|png|webp|gif)\\?[ -~]+$",
        min_length = "46",
        max_length = "100"
    ))]
    pub url: String,
    /// Pixels from left to right.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub width: i32,
    /// Pixels from top to bottom.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub height: i32,
}

/// What shall be said of a picture: members left out stay, `null` clears.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MediaPatch {
    /// The name under which it is saved; its ending is made to fit.
    #[oai(validator(
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020./\\\\\\u007f][^\\u0000]*$",
        min_length = "1",
        max_length = "200"
    ))]
    pub filename: Option<String>,
    /// What it shows, for those who do not see it.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    pub alt: Given<String>,
    /// What must stay in sight when the picture is cut, from the left (0) to the right (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    pub focus_x: Given<f64>,
    /// The same from the top (0) to the bottom (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    pub focus_y: Given<f64>,
}

/// Which pictures are listed, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MediaQuery {
    #[oai(flatten)]
    pub paging: Paging,
    /// Words that the name or the description contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// Pictures of this kind only.
    #[oai(rename = "type")]
    pub media_type: Option<MediaType>,
    /// Pictures of this account only. Authors see none but their own in any case.
    pub uploaded_by: Option<Id<User>>,
    /// The order, with `-` for falling; the newest first without it. Equal pictures follow by id.
    #[oai(validator(pattern = "^-?(createdAt|filename|size)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}
