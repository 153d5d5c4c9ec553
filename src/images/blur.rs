//! BlurHash placeholders.
use super::{ImageError, dominant, pixels::Pixels};

/// Side of the thumbnail from which the hash is computed, in pixels. A larger one makes no visible
/// difference.
const THUMBNAIL_SIDE: u32 = 32;

/// Returns the BlurHash of an image, with 4×3 or 3×4 components, and its dominant color.
pub fn placeholders(pixels: &Pixels) -> Result<(String, [u8; 3]), ImageError> {
    let small = pixels.thumbnail(pixels.width.min(THUMBNAIL_SIDE), pixels.height.min(THUMBNAIL_SIDE))?;
    let (components_x, components_y) = if pixels.width >= pixels.height { (4, 3) } else { (3, 4) };
    let dominant_color = dominant::color(&small);
    let (width, height) = (small.width, small.height);
    let rgb: Vec<u8> = small.flatten_on_white().rgba().flatten().collect();
    let hash =
        blurhash::encode(components_x, components_y, width, height, &rgb).map_err(|_| ImageError::Corrupt)?;
    Ok((hash, dominant_color))
}

/// Returns the average color that a BlurHash contains.
pub fn average_color(hash: &str) -> Option<[u8; 3]> {
    const DIGITS: &[u8; 83] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";
    let number = hash.as_bytes().get(2..6)?.iter().try_fold(0_u32, |number, digit| {
        let value = DIGITS.iter().position(|known| known == digit)?;
        number.checked_mul(83)?.checked_add(value as u32)
    })?;
    let [_, red, green, blue] = number.to_be_bytes();
    Some([red, green, blue])
}
