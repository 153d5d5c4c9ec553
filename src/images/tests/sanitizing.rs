//! Sanitizing preserves the image content, its format and its animation.
use super::{
    LIMITS,
    samples::{self, BLUE, GREEN, RED, WHITE},
    sanitized,
};
use crate::images::{Format, ImageError, decode, pixels::Pixels, sanitize, sniff};
use moxcms::ColorProfile;

#[test]
fn keeps_the_format_and_is_deterministic() {
    for (format, bytes) in samples::all() {
        let once = sanitized(&bytes).unwrap();
        assert_eq!((once.format, sniff(&once.bytes)), (format, Some(format)));
        assert!((20..40).contains(&once.blurhash.len()), "{format:?} {}", once.blurhash);
        let twice = sanitized(&once.bytes).unwrap();
        assert_eq!(
            (twice.format, twice.width, twice.height),
            (once.format, once.width, once.height),
            "{format:?}"
        );
        assert_eq!(sanitized(&bytes).unwrap(), once, "{format:?} is not deterministic");
        if samples::lossless(&bytes) {
            assert_eq!(twice.bytes, once.bytes, "{format:?} is not idempotent");
        }
    }
}

#[test]
fn lossless_formats_keep_every_pixel() {
    for channels in 1..=4 {
        for pixels in [samples::noise(33, 17, channels), samples::noise(5, 4, channels)] {
            let again = decode(Format::Png, &samples::png(&pixels), &samples::guard()).unwrap().pixels;
            let seen = |pixels: &Pixels| {
                pixels.rgba().map(|color| if color[3] == 0 { [0; 4] } else { color }).collect::<Vec<_>>()
            };
            assert_eq!(seen(&again), seen(&pixels), "{channels} channels");
        }
    }
}

#[test]
fn applies_the_exif_orientation() {
    let orientations = [
        (1, [RED, GREEN, BLUE, WHITE]),
        (2, [GREEN, RED, WHITE, BLUE]),
        (3, [WHITE, BLUE, GREEN, RED]),
        (4, [BLUE, WHITE, RED, GREEN]),
        (5, [RED, BLUE, GREEN, WHITE]),
        (6, [BLUE, RED, WHITE, GREEN]),
        (7, [WHITE, GREEN, BLUE, RED]),
        (8, [GREEN, WHITE, RED, BLUE]),
    ];
    let pixels = samples::quarters(53, 37);
    for (orientation, expected) in orientations {
        let exif = samples::exif(orientation);
        let sent = [
            samples::jpeg(&pixels, |encoder| encoder.add_exif_metadata(&exif).unwrap()),
            samples::jpeg(&pixels, |encoder| {
                encoder.set_progressive(true);
                encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::R_4_2_0);
                encoder.add_exif_metadata(&exif).unwrap();
            }),
            samples::with_chunk(&samples::png(&pixels), b"eXIf", &exif),
            samples::extended(&samples::webp(&pixels, false), 8, 53, 37, &[(b"EXIF", &exif)]),
            samples::extended(&samples::webp(&pixels, true), 8, 53, 37, &[(b"EXIF", &exif)]),
        ];
        for bytes in sent {
            let clean = sanitized(&bytes).unwrap();
            let size = if orientation < 5 { (53, 37) } else { (37, 53) };
            assert_eq!((clean.width, clean.height), size, "{:?} {orientation}", clean.format);
            let upright = decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels;
            assert_eq!((upright.width, upright.height), size);
            assert_eq!(samples::corners(&upright), expected, "{:?} {orientation}", clean.format);
        }
    }
}

#[test]
fn keeps_the_animation_of_a_gif() {
    let clean = sanitized(&samples::gif(32, 24, 5)).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(&clean.bytes[..]).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push((frame.delay, frame.palette.clone().unwrap_or_default()));
    }
    let colors = [[9, 9, 9], [255, 0, 0], [0, 0, 255]];
    let expected: Vec<(u16, Vec<u8>)> = (0..5).map(|frame| (7, colors[frame % 3].to_vec())).collect();
    let seen: Vec<(u16, Vec<u8>)> =
        frames.into_iter().map(|(delay, palette)| (delay, palette[..3].to_vec())).collect();
    assert_eq!(seen, expected);
    assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
}

#[test]
fn reads_files_up_to_the_size_limit() {
    let folder = std::env::temp_dir().join(format!("tenon-images-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sent");
    std::fs::write(&file, samples::png(&samples::quarters(8, 8))).unwrap();
    let accepted = sanitize(&file, LIMITS);
    std::fs::write(&file, vec![0xFF; LIMITS.bytes as usize + 1]).unwrap();
    let rejected = sanitize(&file, LIMITS);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(accepted.map(|clean| (clean.width, clean.height)), Ok((8, 8)));
    assert_eq!(rejected, Err(ImageError::TooLarge));
    assert_eq!(sanitize(&file, LIMITS), Err(ImageError::Unreadable(std::io::ErrorKind::NotFound)));
}

#[test]
fn converts_color_profiles_to_srgb() {
    let mut pixels = Pixels::new(16, 16, 3);
    pixels.data.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&[200, 100, 100]));
    let wide_gamut = ColorProfile::new_display_p3().encode().unwrap();
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    let sent = |profile: &[u8]| {
        let packed = [b"profile\0\0", &samples::zlib(profile)[..]].concat();
        [
            samples::jpeg(&pixels, |encoder| encoder.add_icc_profile(profile).unwrap()),
            samples::with_chunk(&samples::png(&pixels), b"iCCP", &packed),
            samples::profiled(&samples::webp(&pixels, true), 16, 16, profile),
        ]
    };
    let color = |bytes: &[u8]| {
        let clean = sanitized(bytes).unwrap();
        decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels.rgba().nth(40).unwrap()
    };
    for bytes in sent(&srgb) {
        let [red, green, blue, _] = color(&bytes);
        assert!((198..=202).contains(&red) && (98..=102).contains(&green), "{red} {green} {blue}");
    }
    for bytes in sent(&wide_gamut) {
        let [red, green, blue, _] = color(&bytes);
        assert!((208..=218).contains(&red) && (88..=98).contains(&green), "{red} {green} {blue}");
    }
    for bytes in sent(&wide_gamut[..wide_gamut.len() / 2]) {
        let [red, green, ..] = color(&bytes);
        assert!((198..=202).contains(&red) && (98..=102).contains(&green), "{red} {green}");
    }
}
