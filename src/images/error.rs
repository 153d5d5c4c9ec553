//! Errors of image operations, with messages for the client.
use std::{fmt, io::ErrorKind};

use super::limits;

/// The reason why an image is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// The magic bytes match no supported format.
    UnknownFormat,
    /// The file is not a complete image of its format.
    Corrupt,
    /// A supported format with an unsupported encoding.
    UnsupportedEncoding,
    /// An animation that is not a GIF.
    Animated,
    TooManyPixels,
    TooManyFrames,
    TooLarge,
    Timeout,
    /// The stored file could not be read: an error of the server, not of the client.
    Unreadable(ErrorKind),
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageError::UnknownFormat => f.write_str(
                "the file is not a JPEG, PNG, WebP or GIF image; convert it to one of these formats",
            ),
            ImageError::Corrupt => {
                f.write_str("the image is damaged or truncated; save it again in an image editor")
            }
            ImageError::UnsupportedEncoding => {
                f.write_str("the encoding of the image is not supported; save it as a standard JPEG or PNG")
            }
            ImageError::Animated => {
                f.write_str("animated images are supported as GIF only; send a GIF or a still image")
            }
            ImageError::TooManyPixels => write!(
                f,
                "the image has too many pixels; the maximum is {} million pixels (25 million if it is \
                 transparent or progressive) and {} on each side",
                limits::MAX_PIXELS / 1_000_000,
                limits::MAX_SIDE
            ),
            ImageError::TooManyFrames => {
                write!(f, "the image has more than {} frames; send a shorter animation", limits::MAX_FRAMES)
            }
            ImageError::TooLarge => write!(
                f,
                "the image is larger than {} MiB; send it with fewer pixels or as a JPEG",
                limits::MAX_UPLOAD >> 20
            ),
            ImageError::Timeout => write!(
                f,
                "the image takes longer than {} seconds to process; send it with fewer pixels or frames",
                limits::TIMEOUT.as_secs()
            ),
            ImageError::Unreadable(kind) => write!(f, "the image could not be read: {kind}"),
        }
    }
}

impl std::error::Error for ImageError {}
