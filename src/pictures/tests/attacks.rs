//! Pictures that are made to harm.
use std::time::{Duration, Instant};

use super::super::{Format, Refused, clean_within, limits, sniff};
use super::{cleaned, samples};

/// A PNG that says a size and has a few bytes.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 6, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1A\n".to_vec();
    bytes.extend(samples::chunk(b"IHDR", &header));
    bytes.extend(samples::chunk(b"IDAT", &samples::deflated(1 << 20)));
    bytes.extend(samples::chunk(b"IEND", &[]));
    bytes
}

/// Says another size in the header of a JPEG.
fn claim(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let at = jpeg.windows(2).position(|pair| matches!(pair, [0xFF, 0xC0..=0xC2])).unwrap();
    let mut bytes = jpeg.to_vec();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn too_many_pixels_are_refused_before_they_take_memory() {
    let begin = Instant::now();
    let pixel = samples::jpeg(&samples::quarters(8, 8), |_| {});
    let mut gif = samples::gif(4, 4, 1);
    gif[6..10].fill(0xFF);
    let webp = samples::extended(&samples::webp(&samples::quarters(8, 8), true), 0, 1 << 14, 1 << 14, &[]);
    let sent = [
        png_of(50_000, 50_000),
        png_of(8_193, 1),
        png_of(8_000, 8_000),
        png_of(u32::MAX >> 1, u32::MAX >> 1),
        claim(&pixel, 65_535, 65_535),
        claim(&pixel, 8_000, 8_000),
        gif,
        webp,
    ];
    for (place, bytes) in sent.iter().enumerate() {
        assert_eq!(cleaned(bytes), Err(Refused::TooManyPixels), "picture {place}");
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[test]
fn a_size_that_is_not_there_is_refused_soon() {
    let begin = Instant::now();
    assert_eq!(cleaned(&png_of(2_000, 2_000)), Err(Refused::Broken));
    assert_eq!(cleaned(&png_of(0, 6_000)), Err(Refused::Broken));
    let progressive = samples::jpeg(&samples::quarters(8, 8), |encoder| encoder.set_progressive(true));
    assert_eq!(cleaned(&claim(&progressive, 8_000, 5_000)), Err(Refused::TooManyPixels));
    let _ = cleaned(&claim(&progressive, 1_500, 1_000));
    assert!(begin.elapsed() < limits::TIME);
}

#[test]
fn too_many_frames_are_refused() {
    assert_eq!(cleaned(&samples::gif(16, 16, limits::FRAMES + 1)), Err(Refused::TooManyFrames));
    assert_eq!(cleaned(&samples::gif(16, 16, 10_000)), Err(Refused::TooManyFrames));
    assert!(cleaned(&samples::gif(16, 16, limits::FRAMES)).is_ok());
}

#[test]
fn small_chunks_that_unpack_large_are_not_unpacked() {
    let packed = samples::deflated(256 << 20);
    let png = samples::png(&samples::quarters(16, 16));
    for (name, keyword) in
        [(b"zTXt", &b"Comment\0\0"[..]), (b"iCCP", b"profile\0\0"), (b"iTXt", b"x\0\x01\0\0\0")]
    {
        let bytes = samples::with_chunk(&png, name, &[keyword, &packed].concat());
        assert!(bytes.len() < limits::SENT as usize);
        let begin = Instant::now();
        let _ = cleaned(&bytes).map(|clean| assert_eq!(clean.width, 16));
        assert!(begin.elapsed() < limits::TIME / 2, "{:?}", begin.elapsed());
    }
}

#[test]
fn a_picture_that_is_drawn_again_and_again_is_refused() {
    let jpeg = samples::jpeg(&samples::quarters(64, 64), |encoder| encoder.set_progressive(true));
    let scan = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    let end = jpeg.len() - 2;
    let again: Vec<u8> = jpeg[scan..end].iter().copied().cycle().take((end - scan) * 100).collect();
    let bytes = [&jpeg[..end], &again, &[0xFF, 0xD9]].concat();
    assert_eq!(cleaned(&bytes), Err(Refused::Coding));
}

#[test]
fn parts_of_a_picture_that_come_one_after_the_other_are_refused() {
    let sent = samples::jpeg(&samples::quarters(48, 32), |encoder| {
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
        encoder.set_optimized_huffman_tables(true);
    });
    assert_eq!(cleaned(&sent), Err(Refused::Coding));
}

#[test]
fn the_time_ends_the_work() {
    for (format, bytes) in samples::each() {
        assert_eq!(clean_within(&bytes, Duration::ZERO), Err(Refused::TooSlow), "{format:?}");
    }
    let screen = samples::gif(1_000, 1_000, 100);
    let begin = Instant::now();
    let _ = clean_within(&screen, Duration::from_millis(200));
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn what_is_cut_off_is_refused() {
    for (format, bytes) in samples::each() {
        for kept in [13, bytes.len() / 3, bytes.len() / 2, bytes.len() * 3 / 4] {
            let refused = cleaned(&bytes[..kept]).expect_err("a part is not a picture");
            assert!(matches!(refused, Refused::Broken | Refused::Coding), "{format:?} {kept}: {refused:?}");
        }
    }
}

#[test]
fn other_kinds_are_refused() {
    let others: [&[u8]; 12] = [
        b"",
        b"GIF",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        b"<?xml version=\"1.0\"?><svg/>",
        b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"\0\0\0\x1CftypavifABCD",
        b"\0\0\0\x18ftypheicABCD",
        b"PK\x03\x04 a file",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"RIFF\0\0\0\0AVI LIST",
    ];
    for bytes in others {
        assert_eq!(sniff(bytes), None);
        assert_eq!(cleaned(bytes), Err(Refused::Kind), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_kind_in_the_name_of_another_is_refused() {
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
            let refused = cleaned(&bytes).expect_err("not a picture");
            assert!(!matches!(refused, Refused::Kind | Refused::TooSlow), "{format:?}: {refused:?}");
        }
    }
}

#[test]
fn what_moves_and_is_no_gif_is_refused() {
    let webp = samples::webp(&samples::quarters(8, 8), true);
    let frame = [&[0; 6][..], &[7, 0, 0, 7, 0, 0, 100, 0, 0, 0], &webp[12..]].concat();
    let chunks: &[(&[u8; 4], &[u8])] = &[(b"ANIM", &[0; 6]), (b"ANMF", &frame)];
    let png =
        samples::with_chunk(&samples::png(&samples::quarters(8, 8)), b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(cleaned(&png), Err(Refused::Animated));
    assert_eq!(cleaned(&samples::extended(b"RIFF\0\0\0\0WEBP", 2, 8, 8, chunks)), Err(Refused::Animated));
}

#[test]
fn a_refusal_says_what_to_do() {
    for refused in
        [Refused::Kind, Refused::Broken, Refused::Animated, Refused::TooManyPixels, Refused::TooLarge]
    {
        let words = refused.to_string();
        assert!(words.contains("picture") && words.contains("; "), "{words}");
        assert!(!words.ends_with('.') && words.starts_with(char::is_lowercase), "{words}");
    }
}
