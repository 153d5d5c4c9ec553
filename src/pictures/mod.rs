//! Pictures that strangers send: told by their bytes, decoded whole under limits, and written anew, so
//! that nothing but the picture is kept.
mod blur;
mod gif;
mod guard;
mod jpeg;
mod orientation;
mod palette;
mod pixels;
mod png;
mod profile;
mod refused;
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

use self::{guard::Guard, pixels::Pixels};
pub use self::{
    refused::Refused,
    variant::{Ask, Fit, variant},
};

/// What a picture may be at most. They hold before memory is taken for its pixels.
pub mod limits {
    use std::time::Duration;

    pub const PIXELS: u64 = 40_000_000;
    pub const SIDE: u32 = 8_192;
    pub const FRAMES: usize = 100;
    /// Of a file that was sent.
    pub const SENT: u64 = 5 << 20;
    /// Of a picture that was written anew: some kinds grow by that.
    pub const WRITTEN: u64 = 16 << 20;
    /// What decoding and writing one picture may take.
    pub const MEMORY: u64 = 256 << 20;
    pub const TIME: Duration = Duration::from_secs(5);
}

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

/// The kind that the first bytes of a file say; twelve are enough.
pub fn sniff(head: &[u8]) -> Option<Format> {
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::Webp),
        _ => None,
    }
}

/// A picture that was decoded whole and written anew by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub blurhash: String,
    pub bytes: Vec<u8>,
}

/// A decoded picture, upright and in sRGB, and whether it came from a kind of WebP that loses nothing.
struct Still {
    pixels: Pixels,
    lossless: bool,
}

/// What was sent, as we keep it: of the same kind, upright, and without anything but the picture.
///
/// Blocks for at most [`limits::TIME`] and takes at most [`limits::MEMORY`].
pub fn clean(path: &Path) -> Result<Clean, Refused> {
    let bytes = read(path, limits::SENT)?;
    survive(|| clean_within(&bytes, limits::TIME))
}

fn clean_within(bytes: &[u8], time: Duration) -> Result<Clean, Refused> {
    let guard = Guard::new(time);
    let format = sniff(bytes).ok_or(Refused::Kind)?;
    if format == Format::Gif {
        return gif::clean(bytes, &guard);
    }
    finish(format, decode(format, bytes, &guard)?, &guard)
}

/// A decoder that panics has met a broken picture, not a broken service.
fn survive<T>(work: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Refused::Broken))
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Refused> {
    let unreadable = |error: std::io::Error| Refused::Unreadable(error.kind());
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match bytes.len() as u64 {
        0 => Err(Refused::Unreadable(ErrorKind::UnexpectedEof)),
        size if size > most => Err(Refused::TooLarge),
        _ => Ok(bytes),
    }
}

fn decode(format: Format, bytes: &[u8], guard: &Guard) -> Result<Still, Refused> {
    match format {
        Format::Jpeg => jpeg::decode(bytes, guard),
        Format::Png => png::decode(bytes, guard),
        Format::Webp => webp::decode(bytes, guard),
        Format::Gif => gif::first(bytes, guard),
    }
}

/// Writes a picture in a kind.
fn finish(format: Format, still: Still, guard: &Guard) -> Result<Clean, Refused> {
    let Still { pixels, lossless } = still;
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
    Ok(Clean { format, width, height, blurhash, bytes })
}
