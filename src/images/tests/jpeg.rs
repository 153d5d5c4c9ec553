//! JPEG: scans are verified and stored unchanged, and colors are averaged before subsampling.
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{contains, samples, sanitized};
use crate::images::{Format, ImageError, decode, jpeg, pixels::Pixels};

/// Returns JPEG files of all kinds with smooth content and noise.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let pixels = photograph(83, 61);
    let gray = samples::noise(40, 23, 1);
    vec![
        ("4:4:4", samples::jpeg(&pixels, |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_4))),
        ("4:2:0", samples::jpeg(&pixels, |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_2_0))),
        ("4:2:2", samples::jpeg(&pixels, |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_2_2))),
        ("gray", samples::jpeg(&gray, |_| {})),
        ("gray progressive", samples::jpeg(&gray, |encoder| encoder.set_progressive(true))),
        ("restarts", samples::jpeg(&pixels, |encoder| encoder.set_restart_interval(3))),
        (
            "progressive with restarts",
            samples::jpeg(&pixels, |encoder| {
                encoder.set_progressive(true);
                encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
                encoder.set_restart_interval(5);
            }),
        ),
        (
            "progressive",
            samples::jpeg(&pixels, |encoder| {
                encoder.set_progressive(true);
                encoder.set_optimized_huffman_tables(true);
            }),
        ),
    ]
}

/// Returns an image with gradients and some noise.
fn photograph(width: u32, height: u32) -> Pixels {
    let mut pixels = Pixels::new(width, height, 3);
    let mut random = samples::Random(3);
    for (index, pixel) in pixels.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let noise = random.below(20) as u32;
        pixel.copy_from_slice(&[
            (x * 200 / width + noise) as u8,
            (y * 200 / height + noise) as u8,
            (x + y) as u8,
        ]);
    }
    pixels
}

/// Returns the positions of the data of all scans.
fn scans(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut scans = Vec::new();
    let mut at = 2;
    while bytes[at + 1] != 0xD9 {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        let is_scan = bytes[at + 1] == 0xDA;
        at += 2 + length;
        if is_scan {
            let ends = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7);
            let end = at + bytes[at..].windows(2).position(ends).unwrap();
            scans.push(at..end);
            at = end;
        }
    }
    scans
}

/// Adds metadata, tables that no scan uses, and data behind the end.
fn with_clutter(jpeg: &[u8]) -> Vec<u8> {
    let mut bytes = jpeg[..2].to_vec();
    let mut unused = vec![3];
    unused.extend([b'S'; 64]);
    for (marker, content) in [
        (0xFE, &b"a comment that says where"[..]),
        (0xE1, &[&b"Exif\0\0"[..], &samples::exif(1)].concat()),
        (0xED, b"Photoshop 3.0"),
        (0xDB, &unused),
    ] {
        bytes.extend([0xFF, marker]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    }
    bytes.extend(&jpeg[2..]);
    bytes.extend(b"PK\x03\x04 appended");
    bytes
}

#[test]
fn keeps_the_scans_of_a_clean_file() {
    for (name, file) in files() {
        let clean = sanitized(&with_clutter(&file)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let data = |bytes: &[u8]| -> Vec<Vec<u8>> {
            scans(bytes).into_iter().map(|scan| bytes[scan].to_vec()).collect()
        };
        assert_eq!(data(&clean.bytes), data(&file), "{name}");
        assert!(clean.bytes.len() <= file.len(), "{name}");
        for secret in [&b"Exif"[..], b"comment", b"Photoshop", b"SSSS", b"PK\x03\x04", samples::GPS_LOCATION]
        {
            assert!(!contains(&clean.bytes, secret), "{name}");
        }
        let pixels = |bytes: &[u8]| decode(Format::Jpeg, bytes, &samples::guard()).unwrap().pixels;
        assert!(pixels(&clean.bytes) == pixels(&file), "{name}: the decoded pixels differ");
    }
}

#[test]
fn rejects_a_truncated_scan_before_an_end_marker() {
    for (name, file) in files() {
        for scan in scans(&file) {
            // The last byte may contain only padding.
            for length in [0, scan.len() / 2, scan.len().saturating_sub(2)] {
                if length + 2 > scan.len() {
                    continue;
                }
                let mut end = scan.start + length;
                if file[end - 1] == 0xFF {
                    end -= 1;
                }
                let bytes = [&file[..end], &[0xFF, 0xD9]].concat();
                assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt), "{name}: {length} of {}", scan.len());
                let bytes = [&file[..end], &file[scan.end..]].concat();
                assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt), "{name}: {length} of {}", scan.len());
            }
        }
    }
}

#[test]
fn rejects_additional_data_in_a_scan() {
    for (name, file) in files() {
        for scan in scans(&file) {
            let bytes = [&file[..scan.end], b"<script>", &file[scan.end..]].concat();
            assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt), "{name}");
        }
        // Fill bytes before a marker contain no data.
        let scan = scans(&file).remove(0);
        let filled = [&file[..scan.end], &[0xFF, 0xFF], &file[scan.end..]].concat();
        assert!(sanitized(&filled).is_ok(), "{name}");
    }
}

#[test]
fn rejects_restart_markers_out_of_order() {
    for (name, file) in files().into_iter().filter(|(name, _)| name.contains("restarts")) {
        let marker = file.windows(2).position(|pair| pair == [0xFF, 0xD1]).unwrap() + 1;
        for other in [0xD0, 0xD2] {
            let mut bytes = file.clone();
            bytes[marker] = other;
            assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt), "{name}");
        }
        let removed = [&file[..marker - 1], &file[marker + 1..]].concat();
        assert_eq!(sanitized(&removed), Err(ImageError::Corrupt), "{name}");
    }
}

#[test]
fn rejects_a_progressive_file_without_the_first_scan_of_a_component() {
    let (_, file) = files().pop().unwrap();
    let first = scans(&file).remove(0);
    let header = file[..first.start].windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let bytes = [&file[..header], &file[first.end..]].concat();
    assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt));
    // The later scans only add details.
    let bytes = [&file[..first.end], &[0xFF, 0xD9]].concat();
    let complete = header > 0 && file[header + 4] == 3;
    assert_eq!(sanitized(&bytes).is_ok(), complete);
}

#[test]
fn a_red_line_stays_red() {
    let mut pixels = Pixels::new(64, 64, 3);
    pixels.data.fill(255);
    for (index, pixel) in pixels.data.chunks_exact_mut(3).enumerate() {
        if index % 64 == 31 {
            pixel.copy_from_slice(&samples::RED);
        }
    }
    // The saturation of the line in each image: 255 in the source, and half of it where two columns share a color.
    let saturation = |bytes: &[u8]| {
        let decoded = decode(Format::Jpeg, bytes, &samples::guard()).unwrap().pixels;
        let line = decoded.rgba().skip(31).step_by(64).take(64);
        line.map(|[red, green, blue, _]| i32::from(red) - i32::from(green.max(blue))).sum::<i32>() / 64
    };
    let sent = samples::jpeg(&pixels, |encoder| encoder.set_sampling_factor(SamplingFactor::R_4_4_4));
    assert!(saturation(&sanitized(&sent).unwrap().bytes) > 240, "the upload is kept");
    let subsampled = jpeg::encode(pixels.clone(), jpeg::Quality::VARIANT, &samples::guard()).unwrap();
    assert!(saturation(&subsampled) > 90, "{}", saturation(&subsampled));
    let full =
        jpeg::encode(pixels, jpeg::Quality { value: 90, full_color: true }, &samples::guard()).unwrap();
    assert!(saturation(&full) > 240, "{}", saturation(&full));
}

#[test]
fn a_rotated_file_has_the_quality_of_the_upload() {
    let pixels = photograph(320, 200);
    for quality in [55, 75, 92] {
        let mut sent = Vec::new();
        let mut encoder = Encoder::new(&mut sent, quality);
        encoder.set_sampling_factor(if quality < 90 {
            SamplingFactor::R_4_2_0
        } else {
            SamplingFactor::R_4_4_4
        });
        encoder.add_exif_metadata(&samples::exif(6)).unwrap();
        encoder.encode(&pixels.data, 320, 200, ColorType::Rgb).unwrap();
        let clean = sanitized(&sent).unwrap();
        assert_eq!((clean.width, clean.height), (200, 320));
        let ratio = clean.bytes.len() as f64 / sent.len() as f64;
        assert!((0.7..1.1).contains(&ratio), "quality {quality}: {ratio}");
    }
}

#[test]
fn converts_cmyk_with_and_without_a_color_transform() {
    // Full cyan, magenta and yellow, and half black.
    let colors: [[u8; 4]; 4] = [[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 128]];
    let expected = [[0, 255, 255], [255, 0, 255], [255, 255, 0], [127, 127, 127]];
    for color_type in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        for (color, expected) in colors.iter().zip(expected) {
            let mut sent = Vec::new();
            let encoder = Encoder::new(&mut sent, 95);
            encoder.encode(&color.repeat(256), 16, 16, color_type).unwrap();
            let clean = sanitized(&sent).unwrap();
            let pixels = decode(Format::Jpeg, &clean.bytes, &samples::guard()).unwrap().pixels;
            assert_eq!(pixels.channels, 3);
            let seen = &pixels.data[300..303];
            let near =
                seen.iter().zip(expected).all(|(value, expected): (&u8, u8)| value.abs_diff(expected) <= 3);
            assert!(near, "{color_type:?} {color:?}: {seen:?}, not {expected:?}");
        }
    }
}
