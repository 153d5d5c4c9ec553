//! How a picture is asked for.
use std::{borrow::Cow, fmt, str::FromStr};

use poem_openapi::{Enum, Object, registry::MetaSchema, types::Example};

use crate::contract::scalar::string_scalar;

/// The name of a picture's bytes: nobody guesses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKey(pub String);

impl FromStr for FileKey {
    type Err = Cow<'static, str>;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(FileKey(text.to_owned()))
    }
}

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

string_scalar!([] FileKey, "file_key", MetaSchema {
    pattern: Some("^[0-9a-f]{32}\\.(jpg|png|webp|gif)$".to_owned()),
    min_length: Some(36),
    max_length: Some(37),
    example: Some("7d0f1c9a3b5e4f6081a2b3c4d5e6f708.jpg".into()),
    ..MetaSchema::new("string")
});

/// What becomes of a picture whose sides have another ratio than those that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "MediaFit", rename_all = "lowercase")]
pub enum Fit {
    /// It is cut to the ratio, around its focus.
    Cover,
    /// It lies in their middle, whole, on a ground that is transparent, or white where nothing can be.
    Contain,
    /// It is made to lie within them, whole, and one side may be shorter than was asked for.
    Inside,
}

/// The form of a picture's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "MediaForm", rename_all = "lowercase")]
pub enum Form {
    /// WebP for clients that say in `Accept` that they take it, else the form in which it is kept.
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

/// The size and form of a picture. It is never made larger than it is.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct FileQuery {
    /// Pixels from left to right; as the height asks without it.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub w: Option<u32>,
    /// Pixels from top to bottom; as the width asks without it.
    #[oai(validator(minimum(value = "1"), maximum(value = "4096")))]
    pub h: Option<u32>,
    /// What becomes of a picture of another ratio, when both sides are given; `inside` without it.
    pub fit: Option<Fit>,
    /// What stays in sight when the picture is cut, from the left and from the top, each between 0 and 1. Without it
    /// the picture's own focus counts, which may change.
    #[oai(validator(
        pattern = "^(0(\\.[0-9]{1,4})?|1(\\.0{1,4})?),(0(\\.[0-9]{1,4})?|1(\\.0{1,4})?)$",
        min_length = "3",
        max_length = "13"
    ))]
    pub focus: Option<String>,
    /// The form of the bytes; the one in which the picture is kept without it.
    pub format: Option<Form>,
}

impl Example for FileQuery {
    fn example() -> Self {
        FileQuery {
            w: Some(640),
            h: Some(480),
            fit: Some(Fit::Cover),
            focus: Some("0.5,0.25".into()),
            format: Some(Form::Webp),
        }
    }
}
