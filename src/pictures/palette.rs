//! The colours of a picture that has few. They are sorted, so that their bytes say nothing that was sent.
use std::collections::HashMap;

use foldhash::fast::FixedState;

#[derive(Debug, PartialEq, Eq)]
pub struct Palette {
    /// The most transparent first.
    pub colours: Vec<[u8; 4]>,
    /// For each pixel, which colour.
    pub indices: Vec<u8>,
}

/// Sorts by transparency first; what cannot be seen has no colour.
fn key([red, green, blue, alpha]: [u8; 4]) -> u32 {
    if alpha == 0 { 0 } else { u32::from_be_bytes([alpha, red, green, blue]) }
}

fn colour(key: u32) -> [u8; 4] {
    let [alpha, red, green, blue] = key.to_be_bytes();
    [red, green, blue, alpha]
}

impl Palette {
    /// None if there are more than 256 colours.
    pub fn of(pixels: impl Iterator<Item = [u8; 4]> + Clone) -> Option<Palette> {
        let mut places: HashMap<u32, u8, FixedState> = HashMap::default();
        let mut last = None;
        for pixel in pixels.clone().map(key) {
            if last != Some(pixel) {
                places.insert(pixel, 0);
                last = Some(pixel);
            }
            if places.len() > 256 {
                return None;
            }
        }
        let mut keys: Vec<u32> = places.keys().copied().collect();
        keys.sort_unstable();
        for (place, key) in keys.iter().enumerate() {
            places.insert(*key, place as u8);
        }
        let mut last = (*keys.first()?, 0);
        let indices = pixels.map(key).map(|pixel| {
            if last.0 != pixel {
                last = (pixel, places.get(&pixel).copied().unwrap_or_default());
            }
            last.1
        });
        let indices = indices.collect();
        Some(Palette { colours: keys.into_iter().map(colour).collect(), indices })
    }

    /// The place of what cannot be seen.
    pub fn transparent(&self) -> Option<u8> {
        self.colours.first().filter(|colour| colour[3] == 0).map(|_| 0)
    }

    /// Red, green and blue of each colour.
    pub fn opaque(&self) -> Vec<u8> {
        self.colours.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect()
    }

    /// The alpha of each colour up to the last that is not opaque.
    pub fn alphas(&self) -> Vec<u8> {
        self.colours.iter().map(|colour| colour[3]).take_while(|alpha| *alpha < 255).collect()
    }
}
