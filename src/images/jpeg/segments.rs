//! Segments of a JPEG file (ITU-T T.81, annex B): dimensions, sampling, orientation, color profile, and the parts that a decoder
//! needs.
use std::ops::Range;

use crate::images::{Guard, ImageError, orientation::Orientation, profile::MAX_PROFILE};

/// Maximum number of scans. Each scan of a progressive image costs a pass over the whole image, even if the
/// scan has a few bytes only. Encoders write about ten.
pub const MAX_SCANS: usize = 64;

/// Maximum number of segments that define tables. Encoders write at most two per scan.
const MAX_TABLE_SEGMENTS: usize = 512;

/// Maximum number of blocks in a minimum coded unit (section B.2.3).
const MAX_UNIT_BLOCKS: u32 = 10;

pub mod marker {
    pub const BASELINE: u8 = 0xC0;
    pub const EXTENDED: u8 = 0xC1;
    pub const PROGRESSIVE: u8 = 0xC2;
    pub const HUFFMAN: u8 = 0xC4;
    pub const OTHER_FIRST: u8 = 0xC3;
    pub const OTHER_LAST: u8 = 0xCF;
    pub const RESTARTS: std::ops::RangeInclusive<u8> = 0xD0..=0xD7;
    pub const END: u8 = 0xD9;
    pub const SCAN: u8 = 0xDA;
    pub const QUANTIZATION: u8 = 0xDB;
    pub const LINES: u8 = 0xDC;
    pub const RESTART_INTERVAL: u8 = 0xDD;
    pub const APPLICATION_0: u8 = 0xE0;
    pub const APPLICATION_1: u8 = 0xE1;
    pub const APPLICATION_2: u8 = 0xE2;
    pub const APPLICATION_14: u8 = 0xEE;
    pub const TEMPORARY: u8 = 0x01;
}

/// A component of the frame: its sampling factors and the number of its quantization table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    pub id: u8,
    pub horizontal: u8,
    pub vertical: u8,
    pub quantization: u8,
}

/// The start-of-frame segment.
#[derive(Debug)]
pub struct Frame {
    pub width: u32,
    pub height: u32,
    pub components: Vec<Component>,
    pub progressive: bool,
    /// The segment with its marker.
    pub range: Range<usize>,
}

/// A part of the file in its order, as positions in the file.
#[derive(Clone, Debug)]
pub enum Part {
    /// The content of a segment of quantization tables.
    Quantization(Range<usize>),
    /// The content of a segment of Huffman tables.
    Huffman(Range<usize>),
    /// The number of units between two restart markers.
    RestartInterval(u16),
    /// The content of the scan header, and the encoded data with its restart markers.
    Scan { header: Range<usize>, data: Range<usize> },
}

/// The properties of a JPEG that its segments contain.
pub struct Segments {
    pub frame: Frame,
    pub parts: Vec<Part>,
    pub orientation: Orientation,
    /// Whether the file has a JFIF header, which states that colors are Y, Cb and Cr.
    pub jfif: bool,
    /// The color transform of the Adobe segment.
    pub adobe_transform: Option<u8>,
    /// The ICC profile. Empty if there is none.
    pub profile: Vec<u8>,
}

impl Segments {
    /// Parses the segments up to the end marker.
    pub fn read(bytes: &[u8], guard: &Guard) -> Result<Segments, ImageError> {
        let mut frame: Option<Frame> = None;
        let (mut orientation, mut jfif, mut adobe_transform) = (None, false, None);
        let (mut parts, mut scans, mut profile) =
            (Vec::new(), 0, ProfileChunks { chunks: [None; 256], size: 0 });
        let mut at = 2;
        loop {
            let (marker, after) = next_marker(bytes, at).ok_or(ImageError::Corrupt)?;
            at = after;
            if marker == marker::END {
                break;
            }
            if marker::RESTARTS.contains(&marker) || marker == marker::TEMPORARY {
                continue;
            }
            guard.check()?;
            let range = segment_at(bytes, after).ok_or(ImageError::Corrupt)?;
            let segment = &bytes[range.clone()];
            at = range.end;
            match marker {
                marker::BASELINE | marker::EXTENDED | marker::PROGRESSIVE if frame.is_none() => {
                    frame = Some(Frame::parse(segment, marker == marker::PROGRESSIVE, after - 2..range.end)?);
                }
                marker::BASELINE..=marker::PROGRESSIVE => return Err(ImageError::Corrupt),
                marker::HUFFMAN => parts.push(Part::Huffman(range)),
                marker::QUANTIZATION => parts.push(Part::Quantization(range)),
                marker::RESTART_INTERVAL => {
                    let interval = segment.try_into().map_err(|_| ImageError::Corrupt)?;
                    parts.push(Part::RestartInterval(u16::from_be_bytes(interval)));
                }
                marker::LINES | marker::OTHER_FIRST..=marker::OTHER_LAST => {
                    return Err(ImageError::UnsupportedEncoding);
                }
                marker::APPLICATION_0 => jfif |= segment.starts_with(b"JFIF\0"),
                marker::APPLICATION_1 if orientation.is_none() => {
                    orientation = segment.strip_prefix(b"Exif\0\0").map(Orientation::from_exif);
                }
                marker::APPLICATION_2 => profile.add(segment),
                marker::APPLICATION_14 if segment.starts_with(b"Adobe") => {
                    adobe_transform = segment.get(11).copied().or(adobe_transform);
                }
                marker::SCAN => {
                    scans += 1;
                    let component_count = segment.first().copied().map_or(0, usize::from);
                    let frame = frame.as_ref().ok_or(ImageError::Corrupt)?;
                    if scans > MAX_SCANS || frame.is_separate_scan(component_count) {
                        return Err(ImageError::UnsupportedEncoding);
                    }
                    let end = scan_end(bytes, range.end).ok_or(ImageError::Corrupt)?;
                    parts.push(Part::Scan { header: range.clone(), data: range.end..end });
                    at = end;
                }
                _ => {}
            }
            if parts.len() > MAX_TABLE_SEGMENTS + scans {
                return Err(ImageError::UnsupportedEncoding);
            }
        }
        let frame = frame.filter(|_| scans > 0).ok_or(ImageError::Corrupt)?;
        let orientation = orientation.unwrap_or(Orientation::UPRIGHT);
        Ok(Segments { frame, parts, orientation, jfif, adobe_transform, profile: profile.join() })
    }
}

impl Frame {
    fn parse(segment: &[u8], progressive: bool, range: Range<usize>) -> Result<Frame, ImageError> {
        let [bits, high, low, wide, narrow, count, components @ ..] = segment else {
            return Err(ImageError::Corrupt);
        };
        if *bits != 8 || !matches!(count, 1 | 3 | 4) {
            return Err(ImageError::UnsupportedEncoding);
        }
        let component = |bytes: &[u8]| Component {
            id: bytes[0],
            horizontal: bytes[1] >> 4,
            vertical: bytes[1] & 15,
            quantization: bytes[2],
        };
        let components: Vec<Component> = components.chunks_exact(3).map(component).collect();
        let valid = |component: &Component| {
            (1..=4).contains(&component.horizontal)
                && (1..=4).contains(&component.vertical)
                && component.quantization < 4
        };
        if components.len() != usize::from(*count)
            || segment.len() != 6 + 3 * components.len()
            || !components.iter().all(valid)
        {
            return Err(ImageError::Corrupt);
        }
        let blocks = |component: &Component| u32::from(component.horizontal) * u32::from(component.vertical);
        if components.len() > 1 && components.iter().map(blocks).sum::<u32>() > MAX_UNIT_BLOCKS {
            return Err(ImageError::UnsupportedEncoding);
        }
        Ok(Frame {
            width: u32::from(u16::from_be_bytes([*wide, *narrow])),
            height: u32::from(u16::from_be_bytes([*high, *low])),
            components,
            progressive,
            range,
        })
    }

    /// Returns whether a scan of a baseline image contains only some of the components, and the components have
    /// different sampling factors. The decoder would place their samples at wrong positions.
    fn is_separate_scan(&self, component_count: usize) -> bool {
        let factors = |component: &Component| (component.horizontal, component.vertical);
        let first = self.components.first().map(factors);
        !self.progressive
            && component_count < self.components.len()
            && self.components.iter().any(|component| Some(factors(component)) != first)
    }

    /// Returns the largest horizontal and vertical sampling factors.
    pub fn max_factors(&self) -> (u32, u32) {
        let max = |side: fn(&Component) -> u8| self.components.iter().map(side).max().unwrap_or(1).into();
        (max(|component| component.horizontal), max(|component| component.vertical))
    }

    /// Returns the memory for the coefficients, in tenths of a byte per pixel. The decoder stores two bytes for
    /// each sample of a progressive image until the last scan, and the verification of the scans an eighth.
    pub fn coefficients(&self) -> u64 {
        if !self.progressive && self.components.len() < 4 {
            return 0;
        }
        let (horizontal, vertical) = self.max_factors();
        let samples = |component: &Component| u64::from(component.horizontal) * u64::from(component.vertical);
        self.components.iter().map(samples).sum::<u64>() * 22 / u64::from(horizontal * vertical)
    }
}

/// The parts of an ICC profile, each in a segment of its own.
struct ProfileChunks<'a> {
    /// The parts by number.
    chunks: [Option<&'a [u8]>; 256],
    size: usize,
}

impl<'a> ProfileChunks<'a> {
    fn add(&mut self, segment: &'a [u8]) {
        let Some([number, _, content @ ..]) = segment.strip_prefix(b"ICC_PROFILE\0") else { return };
        self.size += content.len();
        self.chunks[usize::from(*number)].get_or_insert(content);
    }

    fn join(&self) -> Vec<u8> {
        if self.size > MAX_PROFILE {
            return Vec::new();
        }
        self.chunks.iter().flatten().copied().flatten().copied().collect()
    }
}

/// Returns the next marker and the position after it. A marker may be preceded by any number of `FF`.
fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF);
    let at = from + bytes.get(from..)?.windows(2).position(is_marker)?;
    Some((bytes[at + 1], at + 2))
}

/// Returns the end of the scan data: the next marker that is no restart marker. In the data, `FF 00` is an escaped `FF`.
fn scan_end(bytes: &[u8], from: usize) -> Option<usize> {
    let ends =
        |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF) && !marker::RESTARTS.contains(&pair[1]);
    Some(from + bytes.get(from..)?.windows(2).position(ends)?)
}

/// Returns the position of the segment after a marker, without its length.
fn segment_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let length = usize::from(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    (length >= 2 && at + length <= bytes.len()).then_some(at + 2..at + length)
}
