//! Wire types of media: the metadata of an image.
pub use entity::media::MediaType;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::{
        cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
    resources::accounts::users::User,
};

/// The metadata of an uploaded image.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// The id of the image.
    pub id: Id<Media>,
    /// The URL of the bytes: an absolute path on this server, readable without authentication.
    #[oai(validator(
        pattern = "^/media/[0-9a-f]{32}\\.(jpg|png|webp|gif)$",
        min_length = "43",
        max_length = "44"
    ))]
    pub url: String,
    /// The file name that the response suggests for saving.
    #[oai(validator(min_length = "1", max_length = "200"))]
    pub filename: String,
    /// The media type, detected from the bytes.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// The size of the stored file in bytes.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub size: i64,
    /// The width in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub width: i32,
    /// The height in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub height: i32,
    /// The SHA-256 of the stored bytes, in lowercase hexadecimal.
    #[oai(validator(pattern = "^[0-9a-f]{64}$", min_length = "64", max_length = "64"))]
    pub sha256: String,
    /// A BlurHash placeholder to render while the image loads.
    #[oai(validator(pattern = "^[!-~]+$", min_length = "6", max_length = "166"))]
    pub blurhash: String,
    /// The alternative text, for users who cannot see the image.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// The horizontal focus, from the left edge (0) to the right edge (1). A crop keeps this point visible.
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_x: Option<f64>,
    /// The vertical focus, from the top edge (0) to the bottom edge (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_y: Option<f64>,
    /// The image in the widths that pages commonly use, narrowest first. Empty for a GIF, which may be
    /// animated.
    #[oai(validator(max_items = "8"))]
    pub variants: Vec<MediaVariant>,
    /// The account that uploaded the image. Absent if the account is deleted or the image was imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uploaded_by: Option<Id<User>>,
    /// The time of the upload.
    pub created_at: Timestamp,
    /// The time of the last change of the metadata.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) new: bool,
}

impl Resource for Media {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        ETag::for_version(self.id.0, self.version)
    }
    fn location(&self) -> String {
        format!("/api/media/{}", self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn is_new(&self) -> bool {
        self.new
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// A resized version of an image.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct MediaVariant {
    /// The URL of the bytes: an absolute path on this server.
    #[oai(validator(
        pattern = "^/media/[0-9a-f]{32}\\.(jpg|png|webp|gif)\\?[ -~]+$",
        min_length = "46",
        max_length = "100"
    ))]
    pub url: String,
    /// The width in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub width: i32,
    /// The height in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "8192")))]
    pub height: i32,
}

/// A merge patch of the metadata of an image: absent fields stay unchanged, `null` clears a field.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MediaPatch {
    /// The file name that the response suggests for saving. The server sets the extension that fits the media
    /// type.
    #[oai(validator(
        pattern = "^[^\\u0000]*[^\\u0000-\\u0020./\\\\\\u007f][^\\u0000]*$",
        min_length = "1",
        max_length = "200"
    ))]
    pub filename: Option<String>,
    /// The alternative text, for users who cannot see the image.
    #[oai(validator(min_length = "1", max_length = "1000"))]
    pub alt: Patch<String>,
    /// The horizontal focus, from the left edge (0) to the right edge (1). A crop keeps this point visible.
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    pub focus_x: Patch<f64>,
    /// The vertical focus, from the top edge (0) to the bottom edge (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    pub focus_y: Patch<f64>,
}

/// Filters and sort order of the list of media.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MediaQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    /// Full-text filter: every word must occur in the file name or the alternative text, ignoring case and
    /// accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// Only images of this media type.
    #[oai(rename = "type")]
    pub media_type: Option<MediaType>,
    /// Only images that this account uploaded. Authors always see their own images only.
    pub uploaded_by: Option<Id<User>>,
    /// The sort field, with a leading `-` for descending order. The default is `-createdAt`. Ties are ordered
    /// by id.
    #[oai(validator(pattern = "^-?(createdAt|filename|size)$", min_length = "4", max_length = "10"))]
    pub sort: Option<String>,
}
