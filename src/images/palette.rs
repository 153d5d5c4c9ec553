//! Palettes of images with at most 256 colors. The colors are sorted, so that their order cannot carry data of
//! the upload.
use std::collections::HashMap;

use foldhash::fast::FixedState;

/// A palette and the pixels as indices into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    /// Sorted by alpha, the most transparent first.
    pub colors: Vec<[u8; 4]>,
    /// The palette index of each pixel.
    pub indices: Vec<u8>,
}

/// Returns the sort key: alpha first. All invisible colors have the same key.
fn sort_key([red, green, blue, alpha]: [u8; 4]) -> u32 {
    if alpha == 0 { 0 } else { u32::from_be_bytes([alpha, red, green, blue]) }
}

fn color(sort_key: u32) -> [u8; 4] {
    let [alpha, red, green, blue] = sort_key.to_be_bytes();
    [red, green, blue, alpha]
}

impl Palette {
    /// Builds the palette; `None` if the image has more than 256 colors.
    pub fn from_pixels(pixels: impl Iterator<Item = [u8; 4]> + Clone) -> Option<Palette> {
        let mut indices_by_key: HashMap<u32, u8, FixedState> = HashMap::default();
        let mut last = None;
        for pixel in pixels.clone().map(sort_key) {
            if last != Some(pixel) {
                indices_by_key.insert(pixel, 0);
                last = Some(pixel);
            }
            if indices_by_key.len() > 256 {
                return None;
            }
        }
        let mut keys: Vec<u32> = indices_by_key.keys().copied().collect();
        keys.sort_unstable();
        for (index, sort_key) in keys.iter().enumerate() {
            indices_by_key.insert(*sort_key, index as u8);
        }
        let mut last = (*keys.first()?, 0);
        let indices = pixels.map(sort_key).map(|pixel| {
            if last.0 != pixel {
                last = (pixel, indices_by_key.get(&pixel).copied().unwrap_or_default());
            }
            last.1
        });
        let indices = indices.collect();
        Some(Palette { colors: keys.into_iter().map(color).collect(), indices })
    }

    /// Returns the index of the transparent color.
    pub fn transparent(&self) -> Option<u8> {
        self.colors.first().filter(|color| color[3] == 0).map(|_| 0)
    }

    /// Returns the red, green and blue values of all colors.
    pub fn rgb(&self) -> Vec<u8> {
        self.colors.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect()
    }

    /// Returns the alpha values up to the last color that is not opaque.
    pub fn alphas(&self) -> Vec<u8> {
        self.colors.iter().map(|color| color[3]).take_while(|alpha| *alpha < 255).collect()
    }
}
