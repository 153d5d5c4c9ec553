//! BlurHash placeholders.
use super::{ImageError, pixels::Pixels};

/// Side of the thumbnail from which the hash is computed, in pixels. A larger one makes no visible
/// difference.
const THUMBNAIL_SIDE: u32 = 32;

/// Returns the BlurHash of an image, with 4×3 or 3×4 components.
pub fn hash(pixels: &Pixels) -> Result<String, ImageError> {
    let small = pixels.thumbnail(pixels.width.min(THUMBNAIL_SIDE), pixels.height.min(THUMBNAIL_SIDE))?;
    let (components_x, components_y) = if pixels.width >= pixels.height { (4, 3) } else { (3, 4) };
    let (width, height) = (small.width, small.height);
    let rgb: Vec<u8> = small.flatten_on_white().rgba().flatten().collect();
    blurhash::encode(components_x, components_y, width, height, &rgb).map_err(|_| ImageError::Corrupt)
}
