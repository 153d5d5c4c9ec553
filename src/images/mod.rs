//! Untrusted images: detected by their magic bytes, decoded completely under limits, and re-encoded, so that
//! no metadata and no appended data is stored. The scans of a valid JPEG are copied unchanged.
mod animation;
mod blur;
mod dominant;
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
};

pub use self::{
    blur::average_color,
    error::ImageError,
    variant::{Fit, VariantOptions, variant},
};
use self::{guard::Guard, pixels::Pixels};

/// Constant limits of an image. They are checked before memory is allocated for its pixels.
pub mod limits {
    use std::time::Duration;

    /// Width and height, in pixels: the maximum of WebP.
    pub const MAX_SIDE: u32 = 16_383;
    pub const MAX_FRAMES: usize = 100;
    /// Less than the timeout of a handler, so that the client receives the reason.
    pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(8);
    pub const VARIANT_TIMEOUT: Duration = Duration::from_secs(5);
}

/// The configured limits of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of an uploaded file, in bytes.
    pub bytes: u64,
    /// Width × height, in pixels.
    pub pixels: u64,
}

impl Limits {
    /// The limits of a server without settings.
    pub const DEFAULT: Limits = Limits { bytes: 20 << 20, pixels: 50_000_000 };

    /// Memory for the pixels of one image while it is decoded and encoded, in bytes: 7 per pixel.
    pub fn memory(&self) -> u64 {
        7 * self.pixels
    }

    /// Size of an encoded image, in bytes. Re-encoding makes some formats larger.
    pub fn output(&self) -> u64 {
        2 * self.bytes
    }

    /// Width × height of all frames of an animation, in pixels.
    pub fn animation(&self) -> u64 {
        2 * self.pixels
    }
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

/// Checks that the first twelve bytes of a file are those of a supported format.
///
/// # Errors
///
/// [`ImageError::Unsupported`] or [`ImageError::UnknownFormat`].
pub fn check_format(head: &[u8]) -> Result<Format, ImageError> {
    sniff(head).ok_or_else(|| unsupported(head).map_or(ImageError::UnknownFormat, ImageError::Unsupported))
}

/// Returns the name of a format that is known but not supported, by the first twelve bytes of a file.
fn unsupported(head: &[u8]) -> Option<&'static str> {
    let brand = head.get(4..12)?.strip_prefix(b"ftyp")?;
    match brand {
        b"avif" | b"avis" => Some("AVIF"),
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => Some("HEIC"),
        // Generic brands, for any encoding.
        b"mif1" | b"msf1" => Some("HEIF"),
        _ => None,
    }
}

/// An image without metadata, or a variant of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SanitizedImage {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    /// The most frequent color: red, green and blue.
    pub dominant_color: [u8; 3],
    pub bytes: Vec<u8>,
}

/// A decoded image, upright and in sRGB.
struct StillImage {
    pixels: Pixels,
    /// Whether the source was encoded losslessly.
    lossless: bool,
    /// The quality with which a JPEG is encoded.
    quality: jpeg::Quality,
}

impl StillImage {
    fn new(pixels: Pixels, lossless: bool) -> Self {
        StillImage { pixels, lossless, quality: jpeg::Quality::VARIANT }
    }
}

/// Decodes an uploaded file and returns it in the same format, upright and without metadata.
///
/// Blocks for at most [`limits::UPLOAD_TIMEOUT`]. Uses at most [`Limits::memory`], and the file, a copy of it and the
/// output.
pub fn sanitize(path: &Path, limits: Limits) -> Result<SanitizedImage, ImageError> {
    let bytes = read(path, limits.bytes)?;
    catch_panic(|| sanitize_within(&bytes, &Guard::new(limits::UPLOAD_TIMEOUT, limits)))
}

fn sanitize_within(bytes: &[u8], guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let format = check_format(bytes)?;
    match format {
        Format::Gif => return gif::sanitize(bytes, guard),
        Format::Jpeg => return jpeg::sanitize(bytes, guard),
        _ => {}
    }
    match animation::open(format, bytes, guard)? {
        Some(mut frames) => animation::encode(&mut *frames, None, format, guard),
        None => encode(format, decode(format, bytes, guard)?, guard),
    }
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
    let StillImage { pixels, lossless, quality } = still;
    let (blurhash, dominant_color) = blur::placeholders(&pixels)?;
    let (width, height) = (pixels.width, pixels.height);
    guard.check()?;
    let bytes = match format {
        Format::Jpeg => jpeg::encode(pixels, quality, guard)?,
        Format::Png => png::encode(&pixels, guard)?,
        Format::Webp if lossless => webp::encode_lossless(&pixels, guard)?,
        Format::Webp => webp::encode(pixels, guard)?,
        Format::Gif => gif::encode(pixels, guard)?,
    };
    Ok(SanitizedImage { format, width, height, blurhash, dominant_color, bytes })
}
