//! What comes out is the picture that went in.
use super::super::{Format, Refused, clean, decode, limits, pixels::Pixels, sniff};
use super::{
    cleaned,
    samples::{self, BLUE, GREEN, RED, WHITE},
};
use moxcms::ColorProfile;

#[test]
fn each_kind_stays_what_it_is() {
    for (format, bytes) in samples::each() {
        let once = cleaned(&bytes).unwrap();
        assert_eq!((once.format, sniff(&once.bytes)), (format, Some(format)));
        assert!((20..40).contains(&once.blurhash.len()), "{format:?} {}", once.blurhash);
        let twice = cleaned(&once.bytes).unwrap();
        assert_eq!(
            (twice.format, twice.width, twice.height),
            (once.format, once.width, once.height),
            "{format:?}"
        );
        assert_eq!(cleaned(&bytes).unwrap(), once, "{format:?} is another one each time");
        if !matches!(format, Format::Jpeg) && samples::lossless(&bytes) {
            assert_eq!(twice.bytes, once.bytes, "{format:?} changes each time");
        }
    }
}

#[test]
fn what_loses_nothing_loses_nothing() {
    for channels in 1..=4 {
        for pixels in [samples::noise(33, 17, channels), samples::noise(5, 4, channels)] {
            let again = decode(Format::Png, &samples::png(&pixels), &samples::guard()).unwrap().pixels;
            let seen = |pixels: &Pixels| {
                pixels
                    .colours()
                    .map(|colour| if colour[3] == 0 { [0; 4] } else { colour })
                    .collect::<Vec<_>>()
            };
            assert_eq!(seen(&again), seen(&pixels), "{channels} channels");
        }
    }
}

#[test]
fn a_picture_is_turned_as_the_camera_was_held() {
    let held = [
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
    for (orientation, expected) in held {
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
            let clean = cleaned(&bytes).unwrap();
            let size = if orientation < 5 { (53, 37) } else { (37, 53) };
            assert_eq!((clean.width, clean.height), size, "{:?} {orientation}", clean.format);
            let upright = decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels;
            assert_eq!((upright.width, upright.height), size);
            assert_eq!(samples::corners(&upright), expected, "{:?} {orientation}", clean.format);
        }
    }
}

#[test]
fn a_gif_keeps_moving() {
    let clean = cleaned(&samples::gif(32, 24, 5)).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(&clean.bytes[..]).unwrap();
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames.push((frame.delay, frame.palette.clone().unwrap_or_default()));
    }
    let colours = [[9, 9, 9], [255, 0, 0], [0, 0, 255]];
    let expected: Vec<(u16, Vec<u8>)> = (0..5).map(|frame| (7, colours[frame % 3].to_vec())).collect();
    let seen: Vec<(u16, Vec<u8>)> =
        frames.into_iter().map(|(delay, palette)| (delay, palette[..3].to_vec())).collect();
    assert_eq!(seen, expected);
    assert_eq!(decoder.repeat(), gif::Repeat::Infinite);
}

#[test]
fn a_picture_is_read_from_its_file() {
    let folder = std::env::temp_dir().join(format!("tenon-pictures-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sent");
    std::fs::write(&file, samples::png(&samples::quarters(8, 8))).unwrap();
    let taken = clean(&file);
    std::fs::write(&file, vec![0xFF; limits::SENT as usize + 1]).unwrap();
    let large = clean(&file);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(taken.map(|clean| (clean.width, clean.height)), Ok((8, 8)));
    assert_eq!(large, Err(Refused::TooLarge));
    assert_eq!(clean(&file), Err(Refused::Unreadable(std::io::ErrorKind::NotFound)));
}

#[test]
fn colours_are_those_that_were_meant() {
    let mut pixels = Pixels::new(16, 16, 3);
    pixels.data.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&[200, 100, 100]));
    let wide = ColorProfile::new_display_p3().encode().unwrap();
    let usual = ColorProfile::new_srgb().encode().unwrap();
    let sent = |profile: &[u8]| {
        let packed = [b"profile\0\0", &samples::zlib(profile)[..]].concat();
        [
            samples::jpeg(&pixels, |encoder| encoder.add_icc_profile(profile).unwrap()),
            samples::with_chunk(&samples::png(&pixels), b"iCCP", &packed),
            samples::profiled(&samples::webp(&pixels, true), 16, 16, profile),
        ]
    };
    let colour = |bytes: &[u8]| {
        let clean = cleaned(bytes).unwrap();
        decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels.colours().nth(40).unwrap()
    };
    for bytes in sent(&usual) {
        let [red, green, blue, _] = colour(&bytes);
        assert!((198..=202).contains(&red) && (98..=102).contains(&green), "{red} {green} {blue}");
    }
    for bytes in sent(&wide) {
        let [red, green, blue, _] = colour(&bytes);
        assert!((208..=218).contains(&red) && (88..=98).contains(&green), "{red} {green} {blue}");
    }
    for bytes in sent(&wide[..wide.len() / 2]) {
        let [red, green, ..] = colour(&bytes);
        assert!((198..=202).contains(&red) && (98..=102).contains(&green), "{red} {green}");
    }
}
