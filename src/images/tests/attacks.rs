//! Malicious images: decompression bombs, truncated files and false formats.
use std::time::Duration;

use super::{LIMITS, samples, sanitized};
use crate::images::{Format, ImageError, guard::Guard, limits, sanitize_within, sniff};

/// Returns a PNG with a declared size and few bytes of data.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    bytes.extend(samples::chunk(b"IHDR", &header));
    bytes.extend(samples::chunk(b"IDAT", &samples::deflated(1 << 20)));
    bytes.extend(samples::chunk(b"IEND", &[]));
    bytes
}

/// Changes the declared size of a JPEG.
fn declare_size(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let at = jpeg.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).unwrap();
    let mut bytes = jpeg.to_vec();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn rejects_too_many_pixels_before_allocation() {
    let pixel = samples::jpeg(&samples::quarters(8, 8), |_| {});
    let mut gif = samples::gif(4, 4, 1);
    gif[6..10].fill(0xFF);
    let webp = samples::extended(&samples::webp(&samples::quarters(8, 8), true), 0, 1 << 14, 1 << 14, &[]);
    let sent = [
        png_header(50_000, 50_000),
        png_header(16_384, 1),
        png_header(8_000, 8_000),
        png_header(u32::MAX >> 1, u32::MAX >> 1),
        declare_size(&pixel, 65_535, 65_535),
        declare_size(&pixel, 8_000, 8_000),
        gif,
        webp,
    ];
    for (index, bytes) in sent.iter().enumerate() {
        assert_eq!(sanitized(bytes), Err(ImageError::TooManyPixels), "image {index}");
    }
}

#[test]
fn rejects_a_declared_size_without_data() {
    assert_eq!(sanitized(&png_header(2_000, 2_000)), Err(ImageError::Corrupt));
    assert_eq!(sanitized(&png_header(0, 6_000)), Err(ImageError::Corrupt));
    let progressive = samples::jpeg(&samples::quarters(8, 8), |encoder| encoder.set_progressive(true));
    assert_eq!(sanitized(&declare_size(&progressive, 8_000, 5_000)), Err(ImageError::TooManyPixels));
    assert_eq!(sanitized(&declare_size(&progressive, 1_500, 1_000)), Err(ImageError::Corrupt));
}

#[test]
fn rejects_too_many_frames() {
    assert_eq!(sanitized(&samples::gif(16, 16, limits::MAX_FRAMES + 1)), Err(ImageError::TooManyFrames));
    assert_eq!(sanitized(&samples::gif(16, 16, 10_000)), Err(ImageError::TooManyFrames));
    assert!(sanitized(&samples::gif(16, 16, limits::MAX_FRAMES)).is_ok());
}

#[test]
fn ignores_compressed_metadata_bombs() {
    let packed = samples::deflated(256 << 20);
    let png = samples::png(&samples::quarters(16, 16));
    for (name, keyword) in
        [(b"zTXt", &b"Comment\0\0"[..]), (b"iCCP", b"profile\0\0"), (b"iTXt", b"x\0\x01\0\0\0")]
    {
        let bytes = samples::with_chunk(&png, name, &[keyword, &packed].concat());
        assert!(bytes.len() < LIMITS.bytes as usize);
        match sanitized(&bytes) {
            Ok(clean) => assert_eq!(clean.width, 16),
            Err(error) => assert_ne!(error, ImageError::Timeout),
        }
    }
}

#[test]
fn rejects_too_many_scans() {
    let jpeg = samples::jpeg(&samples::quarters(64, 64), |encoder| encoder.set_progressive(true));
    let scan = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let end = jpeg.len() - 2;
    let again: Vec<u8> = jpeg[scan..end].iter().copied().cycle().take((end - scan) * 100).collect();
    let bytes = [&jpeg[..end], &again, &[0xFF, 0xD9]].concat();
    assert_eq!(sanitized(&bytes), Err(ImageError::UnsupportedEncoding));
}

#[test]
fn rejects_separate_scans_of_baseline_components() {
    let sent = samples::jpeg(&samples::quarters(48, 32), |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
        encoder.set_optimized_huffman_tables(true);
    });
    assert_eq!(sanitized(&sent), Err(ImageError::UnsupportedEncoding));
}

#[test]
fn stops_at_the_deadline() {
    let guard = Guard::new(Duration::ZERO, LIMITS);
    for (format, bytes) in samples::all() {
        assert_eq!(sanitize_within(&bytes, &guard), Err(ImageError::Timeout), "{format:?}");
    }
}

#[test]
fn rejects_truncated_files() {
    for (format, bytes) in samples::all() {
        for length in [13, bytes.len() / 3, bytes.len() / 2, bytes.len() * 3 / 4] {
            let error = sanitized(&bytes[..length]).expect_err("a truncated file is invalid");
            assert!(
                matches!(error, ImageError::Corrupt | ImageError::UnsupportedEncoding),
                "{format:?} {length}: {error:?}"
            );
        }
    }
}

#[test]
fn rejects_other_formats() {
    let others: [&[u8]; 10] = [
        b"",
        b"GIF",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"PK\x03\x04 a file",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"RIFF\0\0\0\0AVI LIST",
    ];
    for bytes in others {
        assert_eq!(sniff(bytes), None);
        assert_eq!(sanitized(bytes), Err(ImageError::UnknownFormat), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn rejects_avif_and_heic_with_the_format_to_convert_to() {
    for (bytes, name) in [
        (b"\0\0\0\x1CftypavifABCD", "AVIF"),
        (b"\0\0\0\x1CftypavisABCD", "AVIF"),
        (b"\0\0\0\x18ftypheicABCD", "HEIC"),
        (b"\0\0\0\x18ftypmif1ABCD", "HEIF"),
        (b"\0\0\0\x18ftypmsf1ABCD", "HEIF"),
    ] {
        assert_eq!(sniff(bytes), None);
        let error = sanitized(bytes).expect_err("not supported");
        let message = error.message(&LIMITS);
        assert!(
            message.starts_with(name) && message.contains("convert the image to WebP or JPEG"),
            "{message}"
        );
    }
    assert_eq!(sanitized(b"\0\0\0\x18ftypisomABCD"), Err(ImageError::UnknownFormat));
}

#[test]
fn rejects_scripts_behind_magic_bytes() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let script = b"/*\0\0\0\0\0\0\0*/=1;alert(1)//";
    for (format, magic) in [
        (Format::Png, &b"\x89PNG\r\n\x1A\n"[..]),
        (Format::Jpeg, b"\xFF\xD8\xFF"),
        (Format::Gif, b"GIF89a"),
        (Format::Webp, b"RIFF\xFF\0\0\0WEBP"),
    ] {
        for rest in [&svg[..], script] {
            let bytes = [magic, rest].concat();
            assert_eq!(sniff(&bytes), Some(format));
            let error = sanitized(&bytes).expect_err("an invalid image");
            assert!(
                !matches!(error, ImageError::UnknownFormat | ImageError::Timeout),
                "{format:?}: {error:?}"
            );
        }
    }
}

#[test]
fn rejects_animations_without_the_declared_frames() {
    let declared = |frames: u8| {
        samples::with_chunk(&samples::png(&samples::quarters(8, 8)), b"acTL", &[0, 0, 0, frames, 0, 0, 0, 0])
    };
    assert_eq!(sanitized(&declared(2)), Err(ImageError::Corrupt));
    assert_eq!(sanitized(&declared(limits::MAX_FRAMES as u8 + 1)), Err(ImageError::TooManyFrames));
    let empty: &[(&[u8; 4], &[u8])] = &[(b"ANIM", &[0; 6])];
    let webp = samples::extended(b"RIFF\0\0\0\0WEBP", 2, 8, 8, empty);
    assert_eq!(sanitized(&webp), Err(ImageError::Corrupt));
}

#[test]
fn rejects_a_lossy_frame_that_declares_more_pixels_than_the_image() {
    let mut webp = samples::webp(&samples::quarters(8, 8), false);
    let at = webp.windows(3).position(|part| part == [0x9D, 0x01, 0x2A]).unwrap() + 3;
    webp[at..at + 4].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
    let still = samples::extended(&webp, 0, 8, 8, &[]);
    let valid = samples::webp(&samples::quarters(8, 8), false);
    let unused = samples::extended(&valid, 0, 8, 8, &[(b"ANMF", &[0; 24])]);
    let frame = [&[0; 6][..], &[7, 0, 0, 7, 0, 0, 100, 0, 0, 0], &webp[12..]].concat();
    let chunks: &[(&[u8; 4], &[u8])] = &[(b"ANIM", &[0; 6]), (b"ANMF", &frame), (b"ANMF", &frame)];
    let animation = samples::extended(b"RIFF\0\0\0\0WEBP", 2, 8, 8, chunks);
    for bytes in [still, unused, animation] {
        let started = std::time::Instant::now();
        assert_eq!(sanitized(&bytes), Err(ImageError::Corrupt));
        // Decoding 268 million pixels takes seconds.
        assert!(started.elapsed() < Duration::from_millis(500));
    }
}

#[test]
fn rejects_animations_with_too_large_an_area() {
    let guard = samples::guard();
    let check = |width, height, frames| crate::images::animation::check(width, height, frames, &guard);
    assert_eq!(check(1_000, 1_000, 100), Ok(()));
    assert_eq!(check(1_010, 1_000, 100), Err(ImageError::TooManyPixels));
    assert_eq!(check(4_000, 4_000, 1), Err(ImageError::TooManyPixels));
    assert_eq!(check(10, 10, 101), Err(ImageError::TooManyFrames));
    // The frames of a GIF may have any size, but each is counted.
    let gif = samples::gif(2_000, 2_000, 30);
    assert_eq!(sanitized(&gif), Err(ImageError::TooManyPixels));
}

#[test]
fn rejects_frames_outside_of_the_canvas() {
    let still = samples::webp(&samples::quarters(8, 8), true);
    let animation = |left: u8, top: u8, canvas: u32| {
        let header = [left, 0, 0, top, 0, 0, 7, 0, 0, 7, 0, 0, 100, 0, 0, 0];
        let chunks: &[(&[u8; 4], &[u8])] =
            &[(b"ANIM", &[0; 6]), (b"ANMF", &[&header, &still[12..]].concat())];
        samples::extended(b"RIFF\0\0\0\0WEBP", 2, canvas, canvas, chunks)
    };
    assert!(sanitized(&animation(1, 1, 10)).is_ok());
    for (left, top, canvas) in [(2, 0, 10), (0, 2, 10), (0, 0, 7)] {
        assert_eq!(sanitized(&animation(left, top, canvas)), Err(ImageError::Corrupt), "{left} {top}");
    }
}

#[test]
fn error_messages_name_the_fix() {
    for error in [
        ImageError::UnknownFormat,
        ImageError::Corrupt,
        ImageError::Unsupported("AVIF"),
        ImageError::TooManyPixels,
        ImageError::TooLarge,
    ] {
        let message = error.message(&LIMITS);
        assert!(message.contains("image") && message.contains("; "), "{message}");
        let lowercase = message.starts_with(char::is_lowercase) || message.starts_with("AVIF");
        assert!(!message.ends_with('.') && lowercase, "{message}");
    }
}
