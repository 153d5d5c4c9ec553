//! EXIF orientation: the pixels are rotated accordingly and the EXIF data is removed.
use super::pixels::Pixels;

/// The value of the EXIF tag, 1 to 8. Missing and invalid values count as 1, upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

impl Orientation {
    pub const UPRIGHT: Orientation = Orientation(1);

    /// Reads tag 0x0112, a short, from the first directory of a TIFF structure.
    pub fn from_exif(tiff: &[u8]) -> Self {
        read(tiff).filter(|value| (1..=8).contains(value)).map_or(Self::UPRIGHT, Orientation)
    }

    /// Returns whether width and height are swapped, which needs a second copy of the image.
    pub fn swaps_sides(self) -> bool {
        self.0 >= 5
    }

    pub fn apply(self, pixels: Pixels) -> Pixels {
        let mut pixels = if self.swaps_sides() { pixels.transpose() } else { pixels };
        if matches!(self.0, 2 | 3 | 6 | 7) {
            pixels.mirror();
        }
        if matches!(self.0, 3 | 4 | 7 | 8) {
            pixels.flip();
        }
        pixels
    }
}

fn read(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes = [*tiff.get(at)?, *tiff.get(at + 1)?];
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| -> Option<usize> {
        let (first, second) = (u32::from(short(at)?), u32::from(short(at + 2)?));
        Some(if little { second << 16 | first } else { first << 16 | second } as usize)
    };
    let directory = long(4)?;
    let entries = usize::from(short(directory)?);
    let at = (0..entries)
        .map(|entry| directory + 2 + entry * 12)
        .find(|at| short(*at) == Some(0x0112) && short(at + 2) == Some(3))?;
    u8::try_from(short(at + 8)?).ok()
}
