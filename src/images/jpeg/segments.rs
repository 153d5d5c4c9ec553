//! Segments of a JPEG file: dimensions, sampling, orientation, and whether the file is complete.
use crate::images::{ImageError, orientation::Orientation};

/// Maximum number of scans. Each scan of a progressive image costs a pass over the whole image, even if the
/// scan has a few bytes only. Encoders write about ten.
pub const MAX_SCANS: usize = 64;

/// The properties of a JPEG that its segments contain.
pub struct Segments {
    pub width: u32,
    pub height: u32,
    /// The sampling factors of each component, horizontal and vertical.
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
    /// Parses the segments up to the end marker.
    pub fn read(bytes: &[u8]) -> Result<Segments, ImageError> {
        let mut frame: Option<Segments> = None;
        let (mut orientation, mut scans) = (None, 0);
        let mut rest = bytes.get(2..).ok_or(ImageError::Corrupt)?;
        loop {
            let (marker, after) = next_marker(rest).ok_or(ImageError::Corrupt)?;
            if marker == marker::END {
                break;
            }
            if marker::RESTARTS.contains(&marker) || marker == marker::TEMPORARY {
                rest = after;
                continue;
            }
            let (segment, after) = split_segment(after).ok_or(ImageError::Corrupt)?;
            rest = after;
            match marker {
                marker::BASELINE | marker::EXTENDED | marker::PROGRESSIVE if frame.is_none() => {
                    frame = Some(Segments::parse_frame(segment, marker == marker::PROGRESSIVE)?);
                }
                marker::BASELINE..=marker::PROGRESSIVE => return Err(ImageError::Corrupt),
                marker::HUFFMAN => {}
                marker::LINES | marker::OTHER_FIRST..=marker::OTHER_LAST => {
                    return Err(ImageError::UnsupportedEncoding);
                }
                marker::APPLICATION_1 if orientation.is_none() => {
                    orientation = segment.strip_prefix(b"Exif\0\0").map(Orientation::from_exif);
                }
                marker::SCAN => {
                    scans += 1;
                    let component_count = segment.first().copied().map_or(0, usize::from);
                    if frame.as_ref().is_some_and(|frame| frame.is_separate_scan(component_count)) {
                        return Err(ImageError::UnsupportedEncoding);
                    }
                }
                _ => {}
            }
            if scans > MAX_SCANS {
                return Err(ImageError::UnsupportedEncoding);
            }
        }
        let frame = frame.filter(|_| scans > 0).ok_or(ImageError::Corrupt)?;
        Ok(Segments { orientation: orientation.unwrap_or(Orientation::UPRIGHT), ..frame })
    }

    /// Parses a start-of-frame segment.
    fn parse_frame(segment: &[u8], progressive: bool) -> Result<Segments, ImageError> {
        let [bits, high, low, wide, narrow, count, components @ ..] = segment else {
            return Err(ImageError::Corrupt);
        };
        if *bits != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(ImageError::UnsupportedEncoding);
        }
        let sampling = |component: &[u8]| (component[1] >> 4, component[1] & 15);
        let components: Vec<(u8, u8)> = components.chunks_exact(3).map(sampling).collect();
        let sampled =
            |(horizontal, vertical): &(u8, u8)| (1..=4).contains(horizontal) && (1..=4).contains(vertical);
        if components.len() != usize::from(*count) || !components.iter().all(sampled) {
            return Err(ImageError::Corrupt);
        }
        Ok(Segments {
            width: u32::from(u16::from_be_bytes([*wide, *narrow])),
            height: u32::from(u16::from_be_bytes([*high, *low])),
            components,
            progressive,
            orientation: Orientation::UPRIGHT,
        })
    }

    /// Returns whether a scan of a baseline image contains only some of the components, and the components have
    /// different sampling factors. The decoder would place their samples at wrong positions.
    fn is_separate_scan(&self, component_count: usize) -> bool {
        let first = self.components.first();
        !self.progressive
            && component_count < self.components.len()
            && self.components.iter().any(|part| Some(part) != first)
    }

    /// Returns the memory for the coefficients, in tenths of a byte per pixel. The decoder stores two bytes for
    /// each sample of a progressive image until the last scan.
    pub fn coefficients(&self) -> u64 {
        if !self.progressive && self.components.len() < 4 {
            return 0;
        }
        let max_factor = |side: fn(&(u8, u8)) -> u8| self.components.iter().map(side).max().unwrap_or(1);
        let max_samples =
            u64::from(max_factor(|component| component.0)) * u64::from(max_factor(|component| component.1));
        let samples: u64 = self
            .components
            .iter()
            .map(|(horizontal, vertical)| u64::from(*horizontal) * u64::from(*vertical))
            .sum();
        samples * 20 / max_samples
    }
}

/// Returns the next marker and the bytes after it. Bytes before it are scan data, in which `FF 00` is an escaped
/// `FF`. A marker may be preceded by any number of `FF`.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF);
    let at = bytes.windows(2).position(is_marker)?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}

/// Splits off the segment after a marker, without its length.
fn split_segment(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]));
    Some((bytes.get(2..length)?, &bytes[length..]))
}
