//! Wire types of media: the metadata of an image.
pub use entity::media::MediaType;
use poem_openapi::Object;
use serde::Serialize;

use crate::{
    domain::{
        id::Id,
        names::names_type,
        pattern,
        text::{SearchTerms, Text, text_type, trim},
        timestamp::Timestamp,
    },
    http::{
        cache_control::CacheControl, etag::ETag, merge_patch::Patch, pagination::PageParams,
        response::Resource,
    },
    resources::accounts::users::User,
};

text_type! {
    /// The path of an image.
    pub struct ImagePath {
        length: 43..=44,
        pattern: pattern::IMAGE_PATH,
    }

    /// The path and query of a variant of an image.
    pub struct VariantPath {
        length: 43..=100,
        pattern: pattern::VARIANT_PATH,
    }

    /// The URLs of an image with their widths, for the attribute `srcset`.
    pub struct SourceSet {
        length: 46..=1000,
        pattern: pattern::PRINTABLE,
    }

    /// A color: `#` and six hexadecimal digits.
    pub struct HexColor {
        length: 7..=7,
        pattern: pattern::HEX_COLOR,
    }

    /// A SHA-256 digest in hexadecimal.
    pub struct Sha256 {
        length: 64..=64,
        pattern: pattern::SHA256,
    }

    /// A BlurHash placeholder.
    pub struct Blurhash {
        length: 6..=166,
        pattern: pattern::NO_SPACES,
    }

    /// The name of a file, without its folder.
    pub struct FileName {
        length: 1..=200,
        pattern: pattern::FILE_NAME,
        format: "file-name",
    }

    /// The alternative text of an image.
    pub struct AltText {
        length: 1..=1000,
        normalize: trim,
    }
}

names_type! {
    /// The sort order of images.
    pub struct MediaSort {
        names: ["createdAt", "filename", "size"],
        signed: true,
        max: 1,
        example: "-createdAt",
    }
}

/// The metadata of an uploaded image.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// The id of the image.
    pub id: Id<Media>,
    /// The URL of the bytes: an absolute path on this server, readable without authentication.
    pub url: ImagePath,
    /// The file name that the response suggests for saving.
    pub filename: Text<200>,
    /// The media type, detected from the bytes.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// The size of the stored file in bytes.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub size: i64,
    /// The width in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "16383")))]
    pub width: i32,
    /// The height in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "16383")))]
    pub height: i32,
    /// The SHA-256 of the stored bytes, in lowercase hexadecimal.
    pub sha256: Sha256,
    /// A BlurHash placeholder to render while the image loads.
    pub blurhash: Blurhash,
    /// The most frequent color, as a background while the image loads.
    pub dominant_color: HexColor,
    /// Width divided by height, for the CSS property `aspect-ratio`.
    #[oai(validator(minimum(value = "0.00006"), maximum(value = "16383.0")))]
    pub aspect_ratio: f64,
    /// The alternative text, for users who cannot see the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<AltText>,
    /// The horizontal focus, from the left edge (0) to the right edge (1). A crop keeps this point visible.
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_x: Option<f64>,
    /// The vertical focus, from the top edge (0) to the bottom edge (1).
    #[oai(validator(minimum(value = "0.0"), maximum(value = "1.0")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focus_y: Option<f64>,
    /// The image in the formats and widths that pages commonly use: WebP, and then the stored format. Animations stay
    /// animated. Of a GIF, only the stored file.
    #[oai(validator(min_items = "1", max_items = "2"))]
    pub sources: Vec<MediaSource>,
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
        // The listed variants depend on a setting, not on the version.
        let variants = self.sources.iter().flat_map(|source| &source.variants);
        let widths: Vec<i32> = variants.map(|variant| variant.width).collect();
        ETag::from_parts(&[&self.id.to_string(), &self.version.to_string(), &format!("{widths:?}")])
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

/// An image in one format, as one `source` of a `picture` element.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct MediaSource {
    /// The media type of all variants.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub media_type: MediaType,
    /// The URLs of all variants with their widths, for the attribute `srcset`.
    pub srcset: SourceSet,
    /// The variants, narrowest first. The last one has the full width, unless the image is wider than all sizes of the
    /// server.
    #[oai(validator(min_items = "1", max_items = "9"))]
    pub variants: Vec<MediaVariant>,
}

/// A version of an image in one size.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct MediaVariant {
    /// The URL of the bytes: an absolute path on this server.
    pub url: VariantPath,
    /// The width in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "16383")))]
    pub width: i32,
    /// The height in pixels.
    #[oai(validator(minimum(value = "1"), maximum(value = "16383")))]
    pub height: i32,
}

/// A merge patch of the metadata of an image: absent fields stay unchanged, `null` clears a field.
#[derive(Debug, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct MediaPatch {
    /// The file name that the response suggests for saving. The server sets the extension that fits the media
    /// type.
    pub filename: Option<FileName>,
    /// The alternative text, for users who cannot see the image.
    pub alt: Patch<AltText>,
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
    pub q: Option<SearchTerms>,
    /// Only images of this media type.
    #[oai(rename = "type")]
    pub media_type: Option<MediaType>,
    /// Only images that this account uploaded. Authors always see their own images only.
    pub uploaded_by: Option<Id<User>>,
    /// The sort field, with a leading `-` for descending order. The default is `-createdAt`. Ties are ordered
    /// by id.
    pub sort: Option<MediaSort>,
}
