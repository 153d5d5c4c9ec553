//! What a JPEG says before its pixels are decoded: its size, its coding, how the camera was held, and that
//! it is all there.
use super::super::{Refused, orientation::Orientation};

/// A progressive picture is drawn again and again, each time for a few bytes; programs write about ten.
pub const SCANS: usize = 64;

pub struct Segments {
    pub width: u32,
    pub height: u32,
    /// How often each is sampled, across and down.
    pub components: Vec<(u8, u8)>,
    progressive: bool,
    pub orientation: Orientation,
}

mod marker {
    pub const BASELINE: u8 = 0xC0;
    pub const EXTENDED: u8 = 0xC1;
    pub const PROGRESSIVE: u8 = 0xC2;
    pub const HUFFMAN: u8 = 0xC4;
    pub const OTHER_FIRST: u8 = 0xC3;
    pub const OTHER_LAST: u8 = 0xCF;
    pub const RESTARTS: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
    pub const END: u8 = 0xD9;
    pub const SCAN: u8 = 0xDA;
    pub const LINES: u8 = 0xDC;
    pub const APPLICATION_1: u8 = 0xE1;
    pub const TEMPORARY: u8 = 0x01;
}

impl Segments {
    pub fn read(bytes: &[u8]) -> Result<Segments, Refused> {
        let mut found: Option<Segments> = None;
        let (mut orientation, mut scans) = (None, 0);
        let mut rest = bytes.get(2..).ok_or(Refused::Broken)?;
        loop {
            let (marker, after) = next(rest).ok_or(Refused::Broken)?;
            if marker == marker::END {
                break;
            }
            if marker::RESTARTS.contains(&marker) || marker == marker::TEMPORARY {
                rest = after;
                continue;
            }
            let (segment, after) = split(after).ok_or(Refused::Broken)?;
            rest = after;
            match marker {
                marker::BASELINE | marker::EXTENDED | marker::PROGRESSIVE if found.is_none() => {
                    found = Some(Segments::frame(segment, marker == marker::PROGRESSIVE)?);
                }
                marker::BASELINE..=marker::PROGRESSIVE => return Err(Refused::Broken),
                marker::HUFFMAN => {}
                marker::LINES | marker::OTHER_FIRST..=marker::OTHER_LAST => return Err(Refused::Coding),
                marker::APPLICATION_1 if orientation.is_none() => {
                    orientation = segment.strip_prefix(b"Exif\0\0").map(Orientation::from_exif);
                }
                marker::SCAN => {
                    scans += 1;
                    let parts = segment.first().copied().map_or(0, usize::from);
                    if found.as_ref().is_some_and(|found| found.apart(parts)) {
                        return Err(Refused::Coding);
                    }
                }
                _ => {}
            }
            if scans > SCANS {
                return Err(Refused::Coding);
            }
        }
        let found = found.filter(|_| scans > 0).ok_or(Refused::Broken)?;
        Ok(Segments { orientation: orientation.unwrap_or(Orientation::UPRIGHT), ..found })
    }

    fn frame(segment: &[u8], progressive: bool) -> Result<Segments, Refused> {
        let [bits, high, low, wide, narrow, count, components @ ..] = segment else {
            return Err(Refused::Broken);
        };
        if *bits != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(Refused::Coding);
        }
        let sampling = |component: &[u8]| (component[1] >> 4, component[1] & 15);
        let components: Vec<(u8, u8)> = components.chunks_exact(3).map(sampling).collect();
        let sampled = |(across, down): &(u8, u8)| (1..=4).contains(across) && (1..=4).contains(down);
        if components.len() != usize::from(*count) || !components.iter().all(sampled) {
            return Err(Refused::Broken);
        }
        Ok(Segments {
            width: u32::from(u16::from_be_bytes([*wide, *narrow])),
            height: u32::from(u16::from_be_bytes([*high, *low])),
            components,
            progressive,
            orientation: Orientation::UPRIGHT,
        })
    }

    /// Whether a scan has only some of the components, not all of them as large as the picture: the decoder
    /// puts them in the wrong places, unless they come progressively.
    fn apart(&self, parts: usize) -> bool {
        let first = self.components.first();
        !self.progressive
            && parts < self.components.len()
            && self.components.iter().any(|part| Some(part) != first)
    }

    /// The bytes that decoding takes for each pixel beside it, in tenths: a progressive picture is kept
    /// whole as two bytes for each sample.
    pub fn coefficients(&self) -> u64 {
        if !self.progressive && self.components.len() < 4 {
            return 0;
        }
        let most = |side: fn(&(u8, u8)) -> u8| self.components.iter().map(side).max().unwrap_or(1);
        let whole = u64::from(most(|component| component.0)) * u64::from(most(|component| component.1));
        let samples: u64 =
            self.components.iter().map(|(across, down)| u64::from(*across) * u64::from(*down)).sum();
        samples * 20 / whole
    }
}

/// The next marker and what follows it; what stands before it is the data of a scan, or nothing.
fn next(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let stuffed = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF);
    let at = bytes.windows(2).position(stuffed)?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}

/// The segment after a marker, without its length.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    Some((bytes.get(2..length)?, &bytes[length..]))
}
