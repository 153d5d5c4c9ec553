//! Huffman codes of a JPEG scan (ITU-T T.81, annexes C and F).
use crate::images::ImageError;

/// Length of the codes that are decoded by one lookup, in bits.
const LOOKUP_BITS: u32 = 9;

/// A Huffman table.
#[derive(Clone)]
pub struct Table {
    /// The segment content that defines the table: class and number, 16 counts, and the values.
    pub definition: Vec<u8>,
    /// Length and value of the code at the start of the next [`LOOKUP_BITS`] bits. The length is 0 for longer codes.
    lookup: Vec<(u8, u8)>,
    /// For each length, the first code after the codes of this length, aligned to 16 bits.
    ends: [u32; 17],
    /// For each length, the index of a value minus its code.
    offsets: [i32; 17],
}

impl Table {
    /// Parses the tables of a segment and passes each with its class and number to `define`.
    pub fn read_all(mut segment: &[u8], mut define: impl FnMut(u8, Table)) -> Result<(), ImageError> {
        while let Some(head) = segment.get(..17) {
            let count: usize = head[1..].iter().copied().map(usize::from).sum();
            let definition = segment.get(..17 + count).filter(|_| count <= 256).ok_or(ImageError::Corrupt)?;
            if head[0] & 0xEC != 0 {
                return Err(ImageError::Corrupt);
            }
            define(head[0], Table::new(definition).ok_or(ImageError::Corrupt)?);
            segment = &segment[17 + count..];
        }
        if segment.is_empty() { Ok(()) } else { Err(ImageError::Corrupt) }
    }

    fn new(definition: &[u8]) -> Option<Table> {
        let (counts, values) = (&definition[1..17], &definition[17..]);
        let mut table = Table {
            definition: definition.to_vec(),
            lookup: vec![(0, 0); 1 << LOOKUP_BITS],
            ends: [0; 17],
            offsets: [0; 17],
        };
        let (mut code, mut index) = (0_u32, 0_usize);
        for (length, count) in (1_u32..).zip(counts) {
            table.offsets[length as usize] = index as i32 - code as i32;
            for _ in 0..*count {
                if length <= LOOKUP_BITS {
                    let first = (code << (LOOKUP_BITS - length)) as usize;
                    let codes = table.lookup.get_mut(first..first + (1 << (LOOKUP_BITS - length)))?;
                    codes.fill((length as u8, values[index]));
                }
                code += 1;
                index += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }
}

/// Reads the bits between two markers.
pub struct Bits<'a> {
    data: &'a [u8],
    buffer: u64,
    /// Unread bits in the buffer.
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Bits { data, buffer: 0, count: 0 }
    }

    #[inline]
    fn fill(&mut self) {
        while self.count <= 48 {
            match *self.data {
                [0xFF, 0, ref rest @ ..] => {
                    self.buffer = self.buffer << 8 | 0xFF;
                    self.data = rest;
                }
                [byte, ref rest @ ..] if byte != 0xFF => {
                    self.buffer = self.buffer << 8 | u64::from(byte);
                    self.data = rest;
                }
                _ => return,
            }
            self.count += 8;
        }
    }

    /// Skips bits. Fails at the end of the data.
    #[inline]
    pub fn skip(&mut self, bits: u32) -> Result<(), ImageError> {
        self.read(bits).map(drop)
    }

    /// Reads at most 16 bits. Fails at the end of the data.
    #[inline]
    pub fn read(&mut self, bits: u32) -> Result<u32, ImageError> {
        if self.count < bits {
            self.fill();
        }
        self.count = self.count.checked_sub(bits).ok_or(ImageError::Corrupt)?;
        Ok((self.buffer >> self.count) as u32 & ((1 << bits) - 1))
    }

    /// Reads the value of the next code.
    #[inline]
    pub fn decode(&mut self, table: &Table) -> Result<u8, ImageError> {
        if self.count < 16 {
            self.fill();
        }
        // At the end of the data, the missing bits are zero.
        let next = match self.count {
            16.. => (self.buffer >> (self.count - 16)) as u32 & 0xFFFF,
            _ => (self.buffer << (16 - self.count)) as u32 & 0xFFFF,
        };
        let (length, value) = table.lookup[(next >> (16 - LOOKUP_BITS)) as usize];
        if length > 0 {
            self.skip(length.into())?;
            return Ok(value);
        }
        let length = (1..=16).find(|length| next < table.ends[*length]).ok_or(ImageError::Corrupt)?;
        let index = (next >> (16 - length)) as i32 + table.offsets[length];
        self.skip(length as u32)?;
        let index = usize::try_from(index).map_err(|_| ImageError::Corrupt)?;
        table.definition.get(17 + index).copied().ok_or(ImageError::Corrupt)
    }

    /// Returns whether nothing but padding is left: fewer than eight bits, and fill bytes.
    pub fn is_at_end(&self) -> bool {
        self.count < 8 && self.data.iter().all(|byte| *byte == 0xFF)
    }
}
