//! Verifies the encoded data of a JPEG: every code is valid, and each scan contains exactly the blocks of the image. The decoder fills
//! missing data with gray and skips additional data.
use super::{
    huffman::{Bits, Table},
    segments::{Frame, marker},
};
use crate::images::{Guard, ImageError};

/// Maximum number of bits of a coefficient.
const MAX_BITS: u8 = 15;
const MAX_LOW_BIT: u8 = 13;

/// The Huffman tables in use, by number.
#[derive(Default)]
pub struct Tables {
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
}

/// A component of a scan, and the numbers of its tables.
pub struct ScanComponent {
    pub index: usize,
    pub dc: usize,
    pub ac: usize,
}

/// The header of a scan.
pub struct ScanHeader {
    pub components: Vec<ScanComponent>,
    /// The first and last coefficient.
    first: u8,
    last: u8,
    /// The number of the lowest bit of the coefficients before and after the scan.
    high_bit: u8,
    low_bit: u8,
}

impl ScanHeader {
    pub fn parse(frame: &Frame, header: &[u8]) -> Result<ScanHeader, ImageError> {
        let count = header.first().copied().map_or(0, usize::from);
        if !(1..=frame.components.len()).contains(&count) || header.len() != 4 + 2 * count {
            return Err(ImageError::Corrupt);
        }
        let mut components: Vec<ScanComponent> = Vec::with_capacity(count);
        for pair in header[1..=2 * count].chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == pair[0]);
            let index = index.ok_or(ImageError::Corrupt)?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            // The components are in the order of the frame (section B.2.3).
            let in_order = components.last().is_none_or(|before| before.index < index);
            if dc > 3 || ac > 3 || !in_order {
                return Err(ImageError::Corrupt);
            }
            components.push(ScanComponent { index, dc, ac });
        }
        let [first, last, bits] = [header[2 * count + 1], header[2 * count + 2], header[2 * count + 3]];
        let (high_bit, low_bit) = (bits >> 4, bits & 15);
        let scan = match frame.progressive {
            true => ScanHeader { components, first, last, high_bit, low_bit },
            // Some encoders write other values for baseline images, which decoders ignore.
            false => ScanHeader { components, first: 0, last: 63, high_bit: 0, low_bit: 0 },
        };
        let coefficients = match first {
            _ if !frame.progressive => true,
            0 => last == 0,
            _ => first <= last && last < 64 && count == 1,
        };
        let refines = high_bit == 0 || high_bit == low_bit + 1;
        let valid = coefficients && (!frame.progressive || refines && low_bit <= MAX_LOW_BIT);
        if valid { Ok(scan) } else { Err(ImageError::Corrupt) }
    }

    /// Returns whether the scan uses the table for the first coefficients, and the table for the others.
    pub fn tables(&self, progressive: bool) -> (bool, bool) {
        match progressive {
            false => (true, true),
            true => (self.first == 0 && self.high_bit == 0, self.first > 0),
        }
    }
}

/// The state of a component between scans.
struct ComponentState {
    /// Blocks per line, with those that only complete a unit.
    stride: usize,
    /// For each block of a progressive image, the coefficients that are not zero as bits.
    nonzero: Vec<u64>,
    /// The lowest bit that is known of each coefficient.
    low_bits: [Option<u8>; 64],
}

/// Verifies the scans of a file in their order.
pub struct Verifier<'a> {
    frame: &'a Frame,
    guard: &'a Guard,
    components: Vec<ComponentState>,
    units: (usize, usize),
}

impl<'a> Verifier<'a> {
    pub fn new(frame: &'a Frame, guard: &'a Guard) -> Self {
        let (horizontal, vertical) = frame.max_factors();
        let units =
            (frame.width.div_ceil(8 * horizontal) as usize, frame.height.div_ceil(8 * vertical) as usize);
        let component = |component: &super::segments::Component| {
            let stride = units.0 * usize::from(component.horizontal);
            let blocks =
                if frame.progressive { stride * units.1 * usize::from(component.vertical) } else { 0 };
            ComponentState { stride, nonzero: vec![0; blocks], low_bits: [None; 64] }
        };
        Verifier { frame, guard, units, components: frame.components.iter().map(component).collect() }
    }

    /// Verifies the data of a scan.
    pub fn scan(
        &mut self,
        scan: &ScanHeader,
        tables: &Tables,
        restart_interval: u16,
        data: &[u8],
    ) -> Result<(), ImageError> {
        for part in &scan.components {
            let known = &mut self.components[part.index].low_bits;
            for bit in &mut known[usize::from(scan.first)..=usize::from(scan.last)] {
                let expected = (scan.high_bit > 0).then_some(scan.high_bit);
                if *bit != expected {
                    return Err(ImageError::Corrupt);
                }
                *bit = Some(scan.low_bit);
            }
            // The first bits of a block precede all other coefficients.
            if known[0].is_none() {
                return Err(ImageError::Corrupt);
            }
        }
        let interleaved = scan.components.len() > 1;
        let (columns, rows) = match scan.components.first() {
            Some(part) if !interleaved => {
                let component = &self.frame.components[part.index];
                let (horizontal, vertical) = self.frame.max_factors();
                let blocks =
                    |side: u32, factor: u8, max: u32| (side * u32::from(factor)).div_ceil(8 * max) as usize;
                (
                    blocks(self.frame.width, component.horizontal, horizontal),
                    blocks(self.frame.height, component.vertical, vertical),
                )
            }
            _ => self.units,
        };
        let mut intervals = Intervals { data, next: 0 };
        let mut bits = Bits::new(intervals.first());
        let mut zero_blocks = 0;
        let mut until_restart = u32::from(restart_interval);
        for row in 0..rows {
            self.guard.check()?;
            for column in 0..columns {
                if restart_interval > 0 && until_restart == 0 {
                    if !bits.is_at_end() {
                        return Err(ImageError::Corrupt);
                    }
                    bits = Bits::new(intervals.after_restart().ok_or(ImageError::Corrupt)?);
                    (zero_blocks, until_restart) = (0, u32::from(restart_interval));
                }
                until_restart = until_restart.wrapping_sub(1);
                for part in &scan.components {
                    let component = self.frame.components[part.index];
                    let (width, height) = match interleaved {
                        true => (usize::from(component.horizontal), usize::from(component.vertical)),
                        false => (1, 1),
                    };
                    let state = &mut self.components[part.index];
                    for block in 0..width * height {
                        let (x, y) = (column * width + block % width, row * height + block / width);
                        let block =
                            Block { scan, dc: tables.dc[part.dc].as_ref(), ac: tables.ac[part.ac].as_ref() };
                        match self.frame.progressive {
                            false => block.sequential(&mut bits)?,
                            true => {
                                let nonzero = state.nonzero.get_mut(y * state.stride + x);
                                block.progressive(
                                    &mut bits,
                                    nonzero.ok_or(ImageError::Corrupt)?,
                                    &mut zero_blocks,
                                )?;
                            }
                        }
                    }
                }
            }
        }
        // Some encoders write a restart marker after the last interval too.
        let is_last = |rest: &[u8]| rest.iter().all(|byte| *byte == 0xFF);
        let complete = bits.is_at_end()
            && (intervals.data.is_empty()
                || intervals.after_restart().is_some_and(is_last) && intervals.data.is_empty());
        if complete { Ok(()) } else { Err(ImageError::Corrupt) }
    }

    /// Checks that the scans contain all components.
    pub fn finish(&self) -> Result<(), ImageError> {
        let complete = self.components.iter().all(|component| component.low_bits[0].is_some());
        if complete { Ok(()) } else { Err(ImageError::Corrupt) }
    }
}

/// The data of a scan, split at restart markers.
struct Intervals<'a> {
    data: &'a [u8],
    /// The number of the next restart marker, 0 to 7.
    next: u8,
}

impl<'a> Intervals<'a> {
    /// Returns the data up to the next restart marker.
    fn first(&mut self) -> &'a [u8] {
        let is_restart = |pair: &[u8]| pair[0] == 0xFF && marker::RESTARTS.contains(&pair[1]);
        let end = self.data.windows(2).position(is_restart).unwrap_or(self.data.len());
        let (before, after) = self.data.split_at(end);
        self.data = after;
        before
    }

    /// Returns the data behind the restart marker, which must be the expected one.
    fn after_restart(&mut self) -> Option<&'a [u8]> {
        self.data = self.data.strip_prefix(&[0xFF, marker::RESTARTS.start() + self.next])?;
        self.next = (self.next + 1) % 8;
        Some(self.first())
    }
}

/// Reads one block of a scan.
struct Block<'a> {
    scan: &'a ScanHeader,
    dc: Option<&'a Table>,
    ac: Option<&'a Table>,
}

impl Block<'_> {
    /// Reads the first coefficient.
    #[inline]
    fn first(&self, bits: &mut Bits<'_>) -> Result<(), ImageError> {
        let size = bits.decode(self.dc.ok_or(ImageError::Corrupt)?)?;
        if size > MAX_BITS { Err(ImageError::Corrupt) } else { bits.skip(size.into()) }
    }

    /// Reads a whole block of a baseline image.
    fn sequential(&self, bits: &mut Bits<'_>) -> Result<(), ImageError> {
        self.first(bits)?;
        let table = self.ac.ok_or(ImageError::Corrupt)?;
        let mut at = 1;
        while at < 64 {
            let code = bits.decode(table)?;
            at += match (code >> 4, code & 15) {
                (15, 0) => 16,
                (_, 0) => return Ok(()),
                (zeros, size) => {
                    bits.skip(size.into())?;
                    zeros + 1
                }
            };
        }
        if at == 64 { Ok(()) } else { Err(ImageError::Corrupt) }
    }

    fn progressive(
        &self,
        bits: &mut Bits<'_>,
        nonzero: &mut u64,
        zero_blocks: &mut u32,
    ) -> Result<(), ImageError> {
        match (self.scan.first, self.scan.high_bit) {
            (0, 0) => self.first(bits),
            (0, _) => bits.skip(1),
            (_, 0) => self.others(bits, nonzero, zero_blocks),
            _ => self.refine(bits, nonzero, zero_blocks),
        }
    }

    /// Returns the number of blocks without further coefficients, this one included.
    fn zero_blocks(bits: &mut Bits<'_>, exponent: u8) -> Result<u32, ImageError> {
        Ok((1 << exponent) + bits.read(exponent.into())?)
    }

    /// Reads the first bits of the coefficients after the first one (section G.1.2.2).
    fn others(
        &self,
        bits: &mut Bits<'_>,
        nonzero: &mut u64,
        zero_blocks: &mut u32,
    ) -> Result<(), ImageError> {
        if *zero_blocks > 0 {
            *zero_blocks -= 1;
            return Ok(());
        }
        let table = self.ac.ok_or(ImageError::Corrupt)?;
        let mut at = self.scan.first;
        while at <= self.scan.last {
            let code = bits.decode(table)?;
            match (code >> 4, code & 15) {
                (15, 0) => at += 16,
                (exponent, 0) => {
                    *zero_blocks = Self::zero_blocks(bits, exponent)? - 1;
                    return Ok(());
                }
                (zeros, size) => {
                    at += zeros;
                    if at > self.scan.last {
                        return Err(ImageError::Corrupt);
                    }
                    bits.skip(size.into())?;
                    *nonzero |= 1 << at;
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// Reads one more bit of the coefficients after the first one (section G.1.2.3).
    fn refine(
        &self,
        bits: &mut Bits<'_>,
        nonzero: &mut u64,
        zero_blocks: &mut u32,
    ) -> Result<(), ImageError> {
        let mut at = self.scan.first;
        if *zero_blocks == 0 {
            let table = self.ac.ok_or(ImageError::Corrupt)?;
            while at <= self.scan.last {
                let code = bits.decode(table)?;
                let (mut zeros, size) = (code >> 4, code & 15);
                match size {
                    0 if zeros < 15 => {
                        *zero_blocks = Self::zero_blocks(bits, zeros)?;
                        break;
                    }
                    0 => {}
                    1 => bits.skip(1)?,
                    _ => return Err(ImageError::Corrupt),
                }
                // Coefficients that are known have a bit each, and do not count as zeros.
                while at <= self.scan.last {
                    if *nonzero & (1 << at) != 0 {
                        bits.skip(1)?;
                    } else if zeros == 0 {
                        break;
                    } else {
                        zeros -= 1;
                    }
                    at += 1;
                }
                if size == 1 {
                    if at > self.scan.last {
                        return Err(ImageError::Corrupt);
                    }
                    *nonzero |= 1 << at;
                }
                at += 1;
            }
        }
        if *zero_blocks > 0 {
            let range = (u64::MAX >> (63 - self.scan.last)) & (u64::MAX.checked_shl(at.into()).unwrap_or(0));
            for _ in 0..(*nonzero & range).count_ones() {
                bits.skip(1)?;
            }
            *zero_blocks -= 1;
        }
        Ok(())
    }
}
