//! Color spaces: profiles of all kinds, and the chunks of PNG.
use moxcms::ColorProfile;

use super::{samples, sanitized};
use crate::images::{Format, ImageError, decode, pixels::Pixels, profile::Profile};

/// Returns an image of one color.
fn plain(color: &[u8]) -> Pixels {
    Pixels { width: 16, height: 16, channels: color.len(), data: color.repeat(256) }
}

/// Returns a pixel of the stored file.
fn stored(bytes: &[u8]) -> [u8; 4] {
    let clean = sanitized(bytes).unwrap();
    decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels.rgba().nth(40).unwrap()
}

fn near(color: [u8; 4], expected: [u8; 3]) -> bool {
    color.iter().zip(expected).all(|(value, expected)| value.abs_diff(expected) <= 2)
}

/// Returns a PNG with chunks after its header.
fn png_with(pixels: &Pixels, chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    chunks.iter().rev().fold(samples::png(pixels), |png, (name, data)| samples::with_chunk(&png, name, data))
}

fn gamma(value: u32) -> (&'static [u8; 4], Vec<u8>) {
    (b"gAMA", value.to_be_bytes().to_vec())
}

fn chromaticities(values: [u32; 8]) -> (&'static [u8; 4], Vec<u8>) {
    (b"cHRM", values.iter().flat_map(|value| value.to_be_bytes()).collect())
}

const SRGB: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
/// White, then green, red and blue: red and green are swapped.
const SWAPPED: [u32; 8] = [31_270, 32_900, 30_000, 60_000, 64_000, 33_000, 15_000, 6_000];
const P3: [u32; 8] = [31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000];

#[test]
fn applies_gamma_and_chromaticities_of_png() {
    let pixels = plain(&[200, 100, 50]);
    for (chunks, expected) in [
        (vec![gamma(45_455), chromaticities(SRGB)], [200, 100, 50]),
        (vec![gamma(45_455)], [200, 100, 50]),
        (vec![chromaticities(SRGB)], [200, 100, 50]),
        // 255 × (200 / 255) is the linear value; sRGB encodes it as 229.
        (vec![gamma(100_000)], [229, 168, 124]),
        (vec![gamma(100_000), chromaticities(SRGB)], [229, 168, 124]),
        (vec![chromaticities(SWAPPED)], [100, 200, 50]),
        // Invalid values are ignored.
        (vec![chromaticities([0; 8])], [200, 100, 50]),
        (vec![gamma(0)], [200, 100, 50]),
        // `sRGB` takes precedence.
        (vec![(b"sRGB", vec![0]), gamma(100_000), chromaticities(SWAPPED)], [200, 100, 50]),
    ] {
        let color = stored(&png_with(&pixels, &chunks));
        assert!(near(color, expected), "{color:?}, not {expected:?}");
    }
    let p3 = stored(&png_with(&plain(&[200, 100, 100]), &[chromaticities(P3)]));
    assert!((208..=218).contains(&p3[0]) && (88..=98).contains(&p3[1]), "{p3:?}");
    assert!(near(stored(&png_with(&plain(&[128]), &[gamma(100_000)])), [188, 188, 188]));
}

#[test]
fn applies_coding_independent_code_points_of_png() {
    let cicp = |primaries: u8, transfer: u8, matrix: u8, full: u8| {
        stored(&png_with(&plain(&[200, 100, 100]), &[(b"cICP", vec![primaries, transfer, matrix, full])]))
    };
    assert!(near(cicp(1, 13, 0, 1), [200, 100, 100]), "sRGB");
    let p3 = cicp(12, 13, 0, 1);
    assert!((208..=218).contains(&p3[0]) && (88..=98).contains(&p3[1]), "{p3:?}");
    // Unspecified primaries and a narrow range are ignored.
    for other in [cicp(2, 2, 0, 1), cicp(12, 13, 0, 0), cicp(250, 250, 0, 1)] {
        assert!(near(other, [200, 100, 100]), "{other:?}");
    }
    // The decoder rejects a matrix, which PNG does not allow.
    let matrix = png_with(&plain(&[200, 100, 100]), &[(b"cICP", vec![12, 13, 1, 1])]);
    assert_eq!(sanitized(&matrix), Err(ImageError::Corrupt));
    // `cICP` takes precedence over a gamma.
    let both = png_with(&plain(&[200, 100, 100]), &[(b"cICP", vec![1, 13, 0, 1]), gamma(100_000)]);
    assert!(near(stored(&both), [200, 100, 100]));
    // Diffuse white of PQ has the code value 0.58.
    let white = stored(&png_with(&plain(&[148, 148, 148]), &[(b"cICP", vec![9, 16, 0, 1])]));
    assert!(white[..3].iter().all(|value| *value > 245), "{white:?}");
    let linear_gray = stored(&png_with(&plain(&[128]), &[(b"cICP", vec![1, 8, 0, 1])]));
    assert!(near(linear_gray, [188, 188, 188]), "{linear_gray:?}");
}

#[test]
fn converts_gray_profiles() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let gray = plain(&[128]);
    let packed = [b"profile\0\0", &samples::zlib(&linear)[..]].concat();
    for bytes in [
        samples::jpeg(&gray, |encoder| encoder.add_icc_profile(&linear).unwrap()),
        samples::with_chunk(&samples::png(&gray), b"iCCP", &packed),
    ] {
        assert!(near(stored(&bytes), [188, 188, 188]));
    }
}

/// Encodes a PNG with 16 bits per sample.
fn png_16bit(color_type: png::ColorType, samples: &[u16], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, (samples.len() / color_type.samples()) as u32, 1);
    encoder.set_color(color_type);
    encoder.set_depth(png::BitDepth::Sixteen);
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    encoder.write_header().unwrap().write_image_data(&data).unwrap();
    chunks.iter().fold(bytes, |png, (name, data)| samples::with_chunk(&png, name, data))
}

#[test]
fn converts_16_bits_before_rounding_to_8() {
    // Dark linear values that have the same upper eight bits.
    let dark = [0x0100, 0x0140, 0x0180, 0x01C0];
    for color_type in [png::ColorType::Grayscale, png::ColorType::Rgb] {
        let values: Vec<u16> = dark.iter().flat_map(|value| vec![*value; color_type.samples()]).collect();
        let clean = sanitized(&png_16bit(color_type, &values, &[gamma(100_000)])).unwrap();
        let pixels = decode(Format::Png, &clean.bytes, &samples::guard()).unwrap().pixels;
        let seen: Vec<u8> = pixels.rgba().map(|color| color[0]).collect();
        for (value, linear) in seen.iter().zip(dark) {
            let linear = f64::from(linear) / 65_535.0;
            let srgb =
                if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
            assert!((f64::from(*value) - 255.0 * srgb).abs() < 1.0, "{color_type:?}: {seen:?}");
        }
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{color_type:?}: {seen:?}");
    }
}

/// Returns an ICC profile of version 2 whose only tag is a table of two points per channel, as Lab colors.
fn table_profile(color_space: &[u8; 4], channels: u8, colors: &[[u8; 3]]) -> Vec<u8> {
    assert_eq!(colors.len(), 1 << channels);
    let mut table = b"mft1\0\0\0\0".to_vec();
    table.extend([channels, 3, 2, 0]);
    for row in 0..3 {
        table.extend((0..3).flat_map(|column| (u32::from(row == column) << 16).to_be_bytes()));
    }
    let identity: Vec<u8> = (0..=255).collect();
    table.extend(identity.repeat(channels.into()));
    table.extend(colors.iter().flatten());
    table.extend(identity.repeat(3));
    table.resize(table.len().next_multiple_of(4), 0);
    let mut profile = vec![0; 128];
    profile[8] = 2;
    let class: &[u8; 4] = if channels == 4 { b"prtr" } else { b"scnr" };
    for (at, text) in [(12, class), (16, color_space), (20, b"Lab "), (36, b"acsp")] {
        profile[at..at + 4].copy_from_slice(text);
    }
    for (at, value) in [(68, 0xF6D6_u32), (72, 0x1_0000), (76, 0xD32D)] {
        profile[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    profile.extend(1_u32.to_be_bytes());
    profile.extend(b"A2B0");
    profile.extend([144_u32.to_be_bytes(), (table.len() as u32).to_be_bytes()].concat());
    profile.extend(table);
    let size = (profile.len() as u32).to_be_bytes();
    profile[..4].copy_from_slice(&size);
    profile
}

/// Lab colors in the encoding of a table: white, and a gray of L 50.
const WHITE: [u8; 3] = [255, 128, 128];
const GRAY: [u8; 3] = [128, 128, 128];

#[test]
fn converts_rgb_profiles_with_tables() {
    // All colors are gray, except white.
    let mut colors = [GRAY; 8];
    colors[7] = WHITE;
    let profile = table_profile(b"RGB ", 3, &colors);
    assert!(Profile::from_icc(&profile).is_some());
    for (color, expected) in [([255, 255, 255], [255; 3]), ([0, 0, 0], [119; 3]), ([255, 0, 0], [119; 3])] {
        let sent = samples::jpeg(&plain(&color), |encoder| encoder.add_icc_profile(&profile).unwrap());
        let seen = stored(&sent);
        assert!(near(seen, expected), "{color:?}: {seen:?}, not {expected:?}");
    }
}

#[test]
fn converts_cmyk_profiles() {
    // The profile prints black as gray.
    let mut colors = [GRAY; 16];
    colors[0] = WHITE;
    let profile = table_profile(b"CMYK", 4, &colors);
    for (inks, expected) in [([0, 0, 0, 0], [255; 3]), ([0, 0, 0, 255], [119; 3]), ([255, 0, 0, 0], [119; 3])]
    {
        let mut sent = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut sent, 100);
        encoder.add_icc_profile(&profile).unwrap();
        encoder.encode(&inks.repeat(256), 16, 16, jpeg_encoder::ColorType::Cmyk).unwrap();
        let seen = stored(&sent);
        assert!(near(seen, expected), "{inks:?}: {seen:?}, not {expected:?}");
    }
}

#[test]
fn ignores_profiles_that_do_not_fit_or_are_too_large() {
    let cmyk = table_profile(b"CMYK", 4, &[GRAY; 16]);
    let sent = samples::jpeg(&plain(&[200, 100, 50]), |encoder| encoder.add_icc_profile(&cmyk).unwrap());
    assert!(near(stored(&sent), [200, 100, 50]));
    let mut large = ColorProfile::new_display_p3().encode().unwrap();
    large.resize(crate::images::profile::MAX_PROFILE + 1, 0);
    let size = (large.len() as u32).to_be_bytes();
    large[..4].copy_from_slice(&size);
    assert!(Profile::from_icc(&large).is_none());
    // A file that declares more parts than it has.
    let sent = samples::jpeg(&plain(&[200, 100, 50]), |encoder| encoder.add_icc_profile(&[1; 100]).unwrap());
    assert!(near(stored(&sent), [200, 100, 50]));
}
