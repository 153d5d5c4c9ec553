//! Errors of image operations, with messages for the client.
use std::io::ErrorKind;

use super::{Limits, limits};

/// The reason why an image is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The magic bytes match no supported format.
    UnknownFormat,
    /// A format that is known but not supported.
    Unsupported(&'static str),
    /// The file is not a complete image of its format.
    Corrupt,
    /// A supported format with an unsupported encoding.
    UnsupportedEncoding,
    TooManyPixels,
    TooManyFrames,
    TooLarge,
    Timeout,
    /// The stored file could not be read: an error of the server, not of the client.
    Unreadable(ErrorKind),
}

impl ImageError {
    /// Returns the message for the client.
    pub fn message(self, limits: &Limits) -> String {
        match self {
            ImageError::UnknownFormat => {
                "the file is not a JPEG, PNG, WebP or GIF image; convert it to one of these formats"
                    .to_owned()
            }
            ImageError::Unsupported(name) => format!(
                "{name} images are not supported; convert the image to WebP or JPEG, or to PNG if it must stay \
                 lossless"
            ),
            ImageError::Corrupt => {
                "the image is damaged or truncated; save it again in an image editor".to_owned()
            }
            ImageError::UnsupportedEncoding => {
                "the encoding of the image is not supported; save it as a standard JPEG or PNG".to_owned()
            }
            ImageError::TooManyPixels => format!(
                "the image has too many pixels; the maximum is {} pixels (fewer for encodings that need more memory, \
                 such as GIF and transparent WebP), {} for all frames of an animation, and {} on each side",
                limits.pixels,
                limits.animation(),
                limits::MAX_SIDE
            ),
            ImageError::TooManyFrames => {
                format!("the image has more than {} frames; send a shorter animation", limits::MAX_FRAMES)
            }
            ImageError::TooLarge => format!(
                "the image is larger than {} bytes, or than {} bytes after it is encoded again; send it with fewer \
                 pixels or as a JPEG",
                limits.bytes,
                limits.output()
            ),
            ImageError::Timeout => format!(
                "the image takes longer than {} seconds to process; send it with fewer pixels or frames",
                limits::UPLOAD_TIMEOUT.as_secs()
            ),
            ImageError::Unreadable(kind) => format!("the image could not be read: {kind}"),
        }
    }
}
