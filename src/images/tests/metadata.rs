//! Sanitized images contain no metadata and no appended data.
use super::{contains, samples, sanitized};

const SCRIPT: &[u8] = b"<script>alert(document.domain)</script>";

/// Byte strings that no sanitized image may contain.
fn forbidden() -> Vec<Vec<u8>> {
    let names: [&[u8]; 9] = [
        samples::GPS_LOCATION,
        SCRIPT,
        b"Exif",
        b"eXIf",
        b"EXIF",
        b"a comment that says",
        b"ICC",
        b"XMP",
        b"PK\x03\x04",
    ];
    names.map(<[u8]>::to_vec).to_vec()
}

fn check(bytes: &[u8], what: &str) {
    let clean = sanitized(bytes).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let found: Vec<String> = forbidden()
        .iter()
        .filter(|secret| contains(&clean.bytes, secret))
        .map(|secret| String::from_utf8_lossy(secret).into_owned())
        .collect();
    assert!(found.is_empty(), "{what}: output contains {found:?}");
}

#[test]
fn removes_gps_locations() {
    let exif = samples::exif(6);
    assert!(contains(&exif, samples::GPS_LOCATION));
    let pixels = samples::quarters(48, 32);
    check(&samples::jpeg(&pixels, |encoder| encoder.add_exif_metadata(&exif).unwrap()), "JPEG");
    check(&samples::with_chunk(&samples::png(&pixels), b"eXIf", &exif), "PNG");
    for lossless in [true, false] {
        let webp = samples::webp(&pixels, lossless);
        let chunks: &[(&[u8; 4], &[u8])] = &[(b"EXIF", &exif), (b"XMP ", SCRIPT)];
        check(&samples::extended(&webp, 12, 48, 32, chunks), "WebP");
    }
    check(&samples::gif(32, 24, 3), "GIF");
}

#[test]
fn removes_comments_and_profiles() {
    let pixels = samples::quarters(48, 32);
    let jpeg = samples::jpeg(&pixels, |encoder| {
        encoder.add_app_segment(13, SCRIPT.to_vec()).unwrap();
        encoder.add_icc_profile(SCRIPT).unwrap();
    });
    check(&jpeg, "JPEG");
    let mut comment = jpeg[..2].to_vec();
    comment.extend([0xFF, 0xFE, 0, SCRIPT.len() as u8 + 2]);
    comment.extend(SCRIPT);
    comment.extend(&jpeg[2..]);
    check(&comment, "JPEG with a comment");
    let text = [b"Comment\0", SCRIPT].concat();
    for name in [b"tEXt", b"prVt", b"zTXt", b"iCCP"] {
        check(&samples::with_chunk(&samples::png(&pixels), name, &text), "PNG");
    }
}

#[test]
fn removes_appended_data() {
    let archive = [b"PK\x03\x04 a file PK\x05\x06", SCRIPT].concat();
    for (format, mut bytes) in samples::all() {
        bytes.extend(&archive);
        check(&bytes, &format!("{format:?} with an appended archive"));
    }
}

#[test]
fn palettes_contain_no_uploaded_bytes() {
    let mut bytes = Vec::new();
    let colors: Vec<u8> = SCRIPT.iter().copied().chain([0; 3]).take(SCRIPT.len() / 3 * 3).collect();
    let count = colors.len() / 3;
    let pixels: Vec<u8> = (0..count as u8).collect();
    let mut encoder = gif::Encoder::new(&mut bytes, count as u16, 1, &colors).unwrap();
    let frame =
        gif::Frame { width: count as u16, height: 1, buffer: pixels.clone().into(), ..Default::default() };
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    assert!(contains(&bytes, b"alert(document"));
    let clean = sanitized(&bytes).unwrap();
    assert!(!contains(&clean.bytes, b"alert"));

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, count as u32, 1);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(colors);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    assert!(contains(&bytes, b"alert(document"));
    let clean = sanitized(&bytes).unwrap();
    assert!(!contains(&clean.bytes, b"alert"));
}
