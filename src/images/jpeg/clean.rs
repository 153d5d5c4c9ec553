//! Copies a JPEG without metadata: the tables that its scans use, and the scans unchanged.
use super::{
    huffman::Table,
    scan::{ScanHeader, Tables, Verifier},
    segments::{Part, Segments, marker},
};
use crate::images::{Guard, ImageError};

/// A JPEG with verified scans.
pub struct CleanJpeg {
    pub bytes: Vec<u8>,
    /// The quality of the quantization tables in the scale of libjpeg, 1 to 100.
    pub quality: u8,
}

/// The Huffman tables that are written since their definition: for each class, one bit per number.
#[derive(Default)]
struct Written {
    dc: u8,
    ac: u8,
    restart_interval: u16,
}

/// Verifies the scans and copies the file.
pub fn copy(file: &[u8], segments: &Segments, guard: &Guard) -> Result<CleanJpeg, ImageError> {
    let frame = &segments.frame;
    let mut bytes = Vec::with_capacity(file.len());
    bytes.extend([0xFF, 0xD8]);
    write_color_space(&mut bytes, segments);
    let quantization = quantization_tables(file, segments)?;
    let mut used: Vec<u8> = frame.components.iter().map(|component| component.quantization).collect();
    used.sort_unstable();
    used.dedup();
    for number in used {
        let table = quantization[usize::from(number)].ok_or(ImageError::Corrupt)?;
        write_segment(&mut bytes, marker::QUANTIZATION, table)?;
    }
    bytes.extend(&file[frame.range.clone()]);
    let mut verifier = Verifier::new(frame, guard);
    let (mut tables, mut written) = (Tables::default(), Written::default());
    let mut restart_interval = 0;
    for part in &segments.parts {
        match part {
            Part::Quantization(_) => {}
            Part::RestartInterval(interval) => restart_interval = *interval,
            Part::Huffman(range) => Table::read_all(&file[range.clone()], |head, table| {
                let number = head & 3;
                let (slot, bits) = match head >> 4 {
                    0 => (&mut tables.dc, &mut written.dc),
                    _ => (&mut tables.ac, &mut written.ac),
                };
                slot[usize::from(number)] = Some(table);
                *bits &= !(1 << number);
            })?,
            Part::Scan { header, data } => {
                let content = &file[header.clone()];
                let scan = ScanHeader::parse(frame, content)?;
                verifier.scan(&scan, &tables, restart_interval, &file[data.clone()])?;
                write_tables(&mut bytes, &scan, frame.progressive, &tables, &mut written)?;
                if restart_interval != written.restart_interval {
                    write_segment(&mut bytes, marker::RESTART_INTERVAL, &restart_interval.to_be_bytes())?;
                    written.restart_interval = restart_interval;
                }
                write_segment(&mut bytes, marker::SCAN, content)?;
                bytes.extend(&file[data.clone()]);
            }
        }
    }
    verifier.finish()?;
    bytes.extend([0xFF, marker::END]);
    let first =
        frame.components.first().and_then(|component| quantization[usize::from(component.quantization)]);
    Ok(CleanJpeg { bytes, quality: first.map_or(100, quality) })
}

/// Writes the segment that states the color space, if decoders need it.
fn write_color_space(bytes: &mut Vec<u8>, segments: &Segments) {
    match (segments.frame.components.len(), segments.adobe_transform) {
        // Version 1.1, square pixels, no thumbnail.
        (1 | 3, _) if segments.jfif => {
            bytes.extend([0xFF, marker::APPLICATION_0, 0, 16]);
            bytes.extend(b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        }
        (3 | 4, Some(transform)) => {
            bytes.extend([0xFF, marker::APPLICATION_14, 0, 14]);
            bytes.extend(b"Adobe\0\x64\0\0\0\0");
            bytes.push(transform.min(2));
        }
        _ => {}
    }
}

/// Returns the definition of each quantization table: precision and number, and the values.
fn quantization_tables<'a>(file: &'a [u8], segments: &Segments) -> Result<[Option<&'a [u8]>; 4], ImageError> {
    let mut tables: [Option<&[u8]>; 4] = [None; 4];
    let mut scanned = false;
    for part in &segments.parts {
        let Part::Quantization(range) = part else {
            scanned |= matches!(part, Part::Scan { .. });
            continue;
        };
        let mut segment = &file[range.clone()];
        while let [head, ..] = segment {
            let size = if head >> 4 == 0 { 65 } else { 129 };
            let table = segment.get(..size).filter(|_| head & 0xEC == 0).ok_or(ImageError::Corrupt)?;
            let slot = &mut tables[usize::from(head & 3)];
            // Decoders disagree about a table that changes between scans.
            if scanned && *slot != Some(table) {
                return Err(ImageError::UnsupportedEncoding);
            }
            *slot = Some(table);
            segment = &segment[size..];
        }
    }
    Ok(tables)
}

/// Writes the Huffman tables of a scan that are not written yet.
fn write_tables(
    bytes: &mut Vec<u8>,
    scan: &ScanHeader,
    progressive: bool,
    tables: &Tables,
    written: &mut Written,
) -> Result<(), ImageError> {
    let (uses_dc, uses_ac) = scan.tables(progressive);
    for component in &scan.components {
        for (used, number, slots, bits) in [
            (uses_dc, component.dc, &tables.dc, &mut written.dc),
            (uses_ac, component.ac, &tables.ac, &mut written.ac),
        ] {
            if used && *bits & (1 << number) == 0 {
                let table = slots[number].as_ref().ok_or(ImageError::Corrupt)?;
                write_segment(bytes, marker::HUFFMAN, &table.definition)?;
                *bits |= 1 << number;
            }
        }
    }
    Ok(())
}

fn write_segment(bytes: &mut Vec<u8>, marker: u8, content: &[u8]) -> Result<(), ImageError> {
    let length = u16::try_from(content.len() + 2).map_err(|_| ImageError::Corrupt)?;
    bytes.extend([0xFF, marker]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(content);
    Ok(())
}

/// Estimates the quality from the sum of the values of a table. The values of quality 50 for luma have the sum 3,692
/// (annex K).
fn quality(table: &[u8]) -> u8 {
    let values = &table[1..];
    let sum: u32 = match table[0] >> 4 {
        0 => values.iter().map(|value| u32::from(*value)).sum(),
        _ => values.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum(),
    };
    let scale = 100.0 * f64::from(sum) / 3_692.0;
    let quality = if scale > 100.0 { 5_000.0 / scale } else { 100.0 - scale / 2.0 };
    quality.round().clamp(1.0, 100.0) as u8
}
