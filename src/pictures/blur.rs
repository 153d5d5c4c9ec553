//! The few letters that a page draws a blurred picture from while the picture loads.
use super::{Refused, pixels::Pixels};

/// Colours are told from a copy of this size: more pixels change nothing that can be seen.
const SIDE: u32 = 32;

pub fn hash(pixels: &Pixels) -> Result<String, Refused> {
    let small = pixels.thumbnail(pixels.width.min(SIDE), pixels.height.min(SIDE))?;
    let (across, down) = if pixels.width >= pixels.height { (4, 3) } else { (3, 4) };
    let (width, height) = (small.width, small.height);
    let colours: Vec<u8> = small.opaque().colours().flatten().collect();
    blurhash::encode(across, down, width, height, &colours).map_err(|_| Refused::Broken)
}
