//! Parameters of the operation that serves image bytes.
use poem_openapi::{Enum, Object, types::Example};

use crate::domain::{pattern, text::text_type};

text_type! {
    /// The public key of an image: 128 random bits in hexadecimal and the extension.
    pub struct FileKey {
        length: 36..=37,
        pattern: pattern::IMAGE_FILE,
        example: "7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg",
    }

    /// A point of an image, as `x,y`.
    pub struct FocalPoint {
        length: 3..=13,
        pattern: pattern::FOCAL_POINT,
        example: "0.5,0.25",
    }
}

/// How an image fits a box whose aspect ratio differs from the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "MediaFit", rename_all = "lowercase")]
pub enum Fit {
    /// Fills the box and crops the rest around the focus.
    Cover,
    /// Centers the whole image in the box. The remaining area is transparent, or white in JPEG.
    Contain,
    /// Scales the whole image to fit within the box; one side can be shorter than requested.
    Inside,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "MediaFormat", rename_all = "lowercase")]
pub enum OutputFormat {
    /// WebP if the `Accept` header names `image/webp`, otherwise the stored format.
    Auto,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
}

/// The size and format of a variant. Widths and heights are rounded up to the sizes of the setting `media_sizes`. An
/// image is never enlarged.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct FileQuery {
    /// The width in pixels, rounded up to a size of the server. Default: follows from `h` and the aspect ratio.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub w: Option<u32>,
    /// The height in pixels, rounded up to a size of the server. Default: follows from `w` and the aspect ratio.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub h: Option<u32>,
    /// How the image fits the box if both `w` and `h` are set. Default: `inside`.
    pub fit: Option<Fit>,
    /// The point that a crop keeps visible, as `x,y` from the left and from the top, each between 0 and 1.
    /// Default: the focus in the metadata of the image, which can change.
    pub focus: Option<FocalPoint>,
    /// The output format. Default: the stored format.
    pub format: Option<OutputFormat>,
}

impl Example for FileQuery {
    fn example() -> Self {
        FileQuery {
            w: Some(640),
            h: Some(480),
            fit: Some(Fit::Cover),
            focus: Some("0.5,0.25".into()),
            format: Some(OutputFormat::Webp),
        }
    }
}
