//! Tests of resizing, cropping and converting.
use super::{
    LIMITS,
    samples::{self, BLUE, GREEN, RED, WHITE},
};
use crate::images::{
    Fit, Format, ImageError, Limits, SanitizedImage, VariantOptions, animation, decode,
    guard::Guard,
    limits,
    pixels::Pixels,
    variant::{self, make},
};

fn fit_options(width: impl Into<Option<u32>>, height: impl Into<Option<u32>>, fit: Fit) -> VariantOptions {
    VariantOptions { width: width.into(), height: height.into(), fit, ..VariantOptions::default() }
}

fn make_variant(bytes: &[u8], options: &VariantOptions) -> SanitizedImage {
    make(bytes, options, &samples::guard()).unwrap_or_else(|error| panic!("{options:?}: {error:?}"))
}

fn decoded(clean: &SanitizedImage) -> Pixels {
    decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels
}

#[test]
fn each_fit_has_the_expected_size() {
    let png = samples::png(&samples::quarters(400, 200));
    let sizes = [
        (fit_options(None, None, Fit::Inside), (400, 200)),
        (fit_options(100, None, Fit::Inside), (100, 50)),
        (fit_options(None, 100, Fit::Cover), (200, 100)),
        (fit_options(100, 100, Fit::Inside), (100, 50)),
        (fit_options(100, 100, Fit::Contain), (100, 100)),
        (fit_options(100, 100, Fit::Cover), (100, 100)),
        (fit_options(100, 10, Fit::Cover), (100, 10)),
        (fit_options(10, 100, Fit::Inside), (10, 5)),
        (fit_options(1, 1, Fit::Inside), (1, 1)),
        (fit_options(0, 0, Fit::Cover), (1, 1)),
        (fit_options(400, 1, Fit::Inside), (2, 1)),
        // Images are never enlarged.
        (fit_options(4_000, None, Fit::Inside), (400, 200)),
        (fit_options(4_000, 4_000, Fit::Inside), (400, 200)),
        (fit_options(4_000, 4_000, Fit::Cover), (200, 200)),
        (fit_options(4_000, 4_000, Fit::Contain), (400, 400)),
        (fit_options(800, 100, Fit::Cover), (400, 50)),
        (fit_options(u32::MAX, u32::MAX, Fit::Cover), (200, 200)),
    ];
    for (options, size) in sizes {
        for format in Format::ALL {
            let clean = make_variant(&png, &VariantOptions { format: Some(format), ..options });
            assert_eq!(((clean.width, clean.height), clean.format), (size, format), "{options:?}");
            let pixels = decoded(&clean);
            assert_eq!((pixels.width, pixels.height), size, "{options:?} {format:?}");
        }
    }
}

#[test]
fn resizing_keeps_the_content() {
    let large = samples::quarters(480, 320);
    let sent = [
        samples::jpeg(&large, |_| {}),
        samples::png(&large),
        samples::webp(&large, true),
        samples::webp(&large, false),
    ];
    for bytes in sent {
        for fit in [Fit::Cover, Fit::Contain, Fit::Inside] {
            for format in Format::ALL {
                let clean = make_variant(
                    &bytes,
                    &VariantOptions { format: Some(format), ..fit_options(120, 80, fit) },
                );
                assert_eq!(
                    samples::corners(&decoded(&clean)),
                    [RED, GREEN, BLUE, WHITE],
                    "{fit:?} {format:?}"
                );
            }
        }
    }
}

#[test]
fn cover_keeps_the_focus() {
    let png = samples::png(&samples::quarters(400, 200));
    let focused = |x, y| {
        let clean =
            make_variant(&png, &VariantOptions { focus: Some((x, y)), ..fit_options(50, 100, Fit::Cover) });
        samples::corners(&decoded(&clean))
    };
    assert_eq!(focused(0.0, 0.5), [RED, RED, BLUE, BLUE]);
    assert_eq!(focused(1.0, 0.5), [GREEN, GREEN, WHITE, WHITE]);
    assert_eq!(focused(0.5, 0.5), [RED, GREEN, BLUE, WHITE]);
    assert_eq!(focused(-9.0, f32::NAN), [RED, RED, BLUE, BLUE]);
    assert_eq!(focused(f32::INFINITY, 9.0), [RED, GREEN, BLUE, WHITE]);
}

#[test]
fn contain_pads_with_transparency_or_white() {
    let png = samples::png(&samples::quarters(40, 20));
    let corner = |format| {
        let clean =
            make_variant(&png, &VariantOptions { format: Some(format), ..fit_options(40, 40, Fit::Contain) });
        decoded(&clean).rgba().next().unwrap()
    };
    for format in [Format::Png, Format::Webp, Format::Gif] {
        assert_eq!(corner(format)[3], 0, "{format:?}");
    }
    assert!(corner(Format::Jpeg).iter().all(|value| *value > 250));
}

#[test]
fn transparency_becomes_white_in_jpeg() {
    let mut pixels = Pixels::new(16, 16, 4);
    pixels.data.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&[255, 0, 0, 128]));
    let png = samples::png(&pixels);
    let jpeg = decoded(&make_variant(
        &png,
        &VariantOptions { format: Some(Format::Jpeg), ..VariantOptions::default() },
    ));
    let [red, green, ..] = jpeg.rgba().next().unwrap();
    assert!(red > 245 && (117..137).contains(&green), "{red} {green}");
    let webp = decoded(&make_variant(
        &png,
        &VariantOptions { format: Some(Format::Webp), ..fit_options(8, 8, Fit::Inside) },
    ));
    let [red, green, _, alpha] = webp.rgba().next().unwrap();
    assert!(red > 245 && green < 10 && (126..130).contains(&alpha), "{red} {green} {alpha}");
}

#[test]
fn animations_stay_animated_except_in_jpeg() {
    let gif = samples::gif(64, 48, 6);
    let frames = |bytes: &[u8]| {
        let mut decoder = gif::DecodeOptions::new().read_info(bytes).unwrap();
        let mut delays = Vec::new();
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            assert_eq!((frame.width, frame.height), (16, 12));
            delays.push(frame.delay);
        }
        delays
    };
    let small = make_variant(&gif, &fit_options(16, None, Fit::Inside));
    assert_eq!(small.format, Format::Gif);
    assert_eq!(frames(&small.bytes), [7; 6]);
    for format in [Format::Webp, Format::Png] {
        let options = VariantOptions { format: Some(format), ..fit_options(16, None, Fit::Inside) };
        let animated = make_variant(&gif, &options);
        assert_eq!((animated.width, animated.height), (16, 12));
        let guard = samples::guard();
        let mut source = animation::open(format, &animated.bytes, &guard).unwrap().expect("an animation");
        let delays: Vec<u32> =
            std::iter::from_fn(|| source.next_frame().unwrap().map(|(_, delay)| delay)).collect();
        assert_eq!((delays, source.plays()), (vec![70; 6], 0), "{format:?}");
    }
    let options = VariantOptions { format: Some(Format::Jpeg), ..fit_options(16, None, Fit::Inside) };
    assert_eq!(make_variant(&gif, &options).format, Format::Jpeg);
}

#[test]
fn converts_between_all_formats() {
    for (from, bytes) in samples::all() {
        for format in Format::ALL {
            let options = VariantOptions { format: Some(format), ..fit_options(9, 9, Fit::Cover) };
            let clean = make_variant(&bytes, &options);
            assert_eq!(clean.format, format, "from {from:?}");
            assert_eq!(make_variant(&bytes, &options), clean, "{from:?} to {format:?} is not deterministic");
        }
    }
}

#[test]
fn enforces_the_limits() {
    let guard = Guard::new(std::time::Duration::ZERO, LIMITS);
    for (format, bytes) in samples::all() {
        assert_eq!(
            make(&bytes, &fit_options(4, 4, Fit::Cover), &guard),
            Err(ImageError::Timeout),
            "{format:?}"
        );
    }
    // A GIF needs less memory than the animations made of it.
    let small = Guard::new(limits::VARIANT_TIMEOUT, Limits { pixels: 1_000_000, ..LIMITS });
    let gif = samples::gif(600, 600, 2);
    for format in Format::ALL {
        let options = VariantOptions { format: Some(format), ..fit_options(16, None, Fit::Inside) };
        let made = make(&gif, &options, &small).map(|clean| clean.format);
        let accepted = matches!(format, Format::Gif | Format::Jpeg);
        assert_eq!(made, if accepted { Ok(format) } else { Err(ImageError::TooManyPixels) });
    }
    for height in [limits::MAX_SIDE + 1, limits::MAX_SIDE] {
        let plan = variant::Plan::new(8_000, 4, &fit_options(8_000, height, Fit::Contain), &guard);
        assert_eq!(plan, Err(ImageError::TooManyPixels), "{height}");
    }
}
