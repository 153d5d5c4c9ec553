//! Untrusted images: detected by their magic bytes, decoded completely under limits, and re-encoded, so that
//! no metadata and no appended data is stored.
mod blur;
mod error;
mod gif;
mod guard;
mod jpeg;
mod orientation;
mod palette;
mod pixels;
mod png;
mod profile;
#[cfg(test)]
mod tests;
mod variant;
mod webp;

use std::{
    fs::File,
    io::{ErrorKind, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

pub use self::{
    error::ImageError,
    variant::{Fit, VariantOptions, variant},
};
use self::{guard::Guard, pixels::Pixels};

/// Limits of an image. They are checked before memory is allocated for its pixels.
pub mod limits {
    use std::time::Duration;

    pub const MAX_PIXELS: u64 = 40_000_000;
    pub const MAX_SIDE: u32 = 8_192;
    pub const MAX_FRAMES: usize = 100;
    /// Size of an uploaded file, in bytes.
    pub const MAX_UPLOAD: u64 = 5 << 20;
    /// Size of an encoded image, in bytes. Re-encoding makes some formats larger.
    pub const MAX_OUTPUT: u64 = 16 << 20;
    /// Memory to decode and encode one image, in bytes.
    pub const MAX_MEMORY: u64 = 256 << 20;
    pub const TIMEOUT: Duration = Duration::from_secs(5);
}

/// A supported image format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    Jpeg,
    Png,
    Webp,
    Gif,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Jpeg, Format::Png, Format::Webp, Format::Gif];

    pub fn media_type(self) -> &'static str {
        match self {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::Webp => "image/webp",
            Format::Gif => "image/gif",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Webp => "webp",
            Format::Gif => "gif",
        }
    }
}

/// Detects the format by the first twelve bytes of a file.
pub fn sniff(head: &[u8]) -> Option<Format> {
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        _ => None,
    }
}

/// A re-encoded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanitizedImage {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    pub bytes: Vec<u8>,
}

/// A decoded image, upright and in sRGB. `lossless` states whether the source was encoded losslessly.
struct StillImage {
    pixels: Pixels,
    lossless: bool,
}

/// Decodes and re-encodes an uploaded file in the same format, upright and without metadata.
///
/// Blocks for at most [`limits::TIMEOUT`] and uses at most [`limits::MAX_MEMORY`].
pub fn sanitize(path: &Path) -> Result<SanitizedImage, ImageError> {
    let bytes = read(path, limits::MAX_UPLOAD)?;
    catch_panic(|| sanitize_within(&bytes, limits::TIMEOUT))
}

fn sanitize_within(bytes: &[u8], time: Duration) -> Result<SanitizedImage, ImageError> {
    let guard = Guard::new(time);
    let format = sniff(bytes).ok_or(ImageError::UnknownFormat)?;
    if format == Format::Gif {
        return gif::sanitize(bytes, &guard);
    }
    encode(format, decode(format, bytes, &guard)?, &guard)
}

/// Runs `work` and maps a panic to [`ImageError::Corrupt`]: malformed input can make a decoder panic.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(ImageError::Corrupt))
}

fn read(path: &Path, max: u64) -> Result<Vec<u8>, ImageError> {
    let unreadable = |error: std::io::Error| ImageError::Unreadable(error.kind());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 {
        0 => Err(ImageError::Unreadable(ErrorKind::UnexpectedEof)),
        size if size > max => Err(ImageError::TooLarge),
        _ => Ok(bytes),
    }
}

fn decode(format: Format, bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    match format {
        Format::Jpeg => jpeg::decode(bytes, guard),
        Format::Png => png::decode(bytes, guard),
        Format::Webp => webp::decode(bytes, guard),
        Format::Gif => gif::first(bytes, guard),
    }
}

/// Encodes an image in a format.
fn encode(format: Format, still: StillImage, guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let StillImage { pixels, lossless } = still;
    let blurhash = blur::hash(&pixels)?;
    let (width, height) = (pixels.width, pixels.height);
    guard.check()?;
    let bytes = match format {
        Format::Jpeg => jpeg::encode(pixels, guard)?,
        Format::Png => png::encode(&pixels, guard)?,
        Format::Webp if lossless => webp::encode_lossless(&pixels, guard)?,
        Format::Webp => webp::encode(pixels, guard)?,
        Format::Gif => gif::encode(pixels, guard)?,
    };
    Ok(SanitizedImage { format, width, height, blurhash, bytes })
}
