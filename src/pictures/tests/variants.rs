//! Pictures in other sizes and kinds.
use super::super::{
    Ask, Clean, Fit, Format, Refused, decode, limits,
    pixels::Pixels,
    variant::{self, make},
};
use super::samples::{self, BLUE, GREEN, RED, WHITE};

fn ask(width: impl Into<Option<u32>>, height: impl Into<Option<u32>>, fit: Fit) -> Ask {
    Ask { width: width.into(), height: height.into(), fit, ..Ask::default() }
}

fn made(bytes: &[u8], ask: &Ask) -> Clean {
    make(bytes, ask, &samples::guard()).unwrap_or_else(|refused| panic!("{ask:?}: {refused:?}"))
}

fn seen(clean: &Clean) -> Pixels {
    decode(clean.format, &clean.bytes, &samples::guard()).unwrap().pixels
}

#[test]
fn every_fit_has_its_size() {
    let png = samples::png(&samples::quarters(400, 200));
    let sizes = [
        (ask(None, None, Fit::Inside), (400, 200)),
        (ask(100, None, Fit::Inside), (100, 50)),
        (ask(None, 100, Fit::Cover), (200, 100)),
        (ask(100, 100, Fit::Inside), (100, 50)),
        (ask(100, 100, Fit::Contain), (100, 100)),
        (ask(100, 100, Fit::Cover), (100, 100)),
        (ask(100, 10, Fit::Cover), (100, 10)),
        (ask(10, 100, Fit::Inside), (10, 5)),
        (ask(1, 1, Fit::Inside), (1, 1)),
        (ask(0, 0, Fit::Cover), (1, 1)),
        (ask(400, 1, Fit::Inside), (2, 1)),
        // None is made larger.
        (ask(4_000, None, Fit::Inside), (400, 200)),
        (ask(4_000, 4_000, Fit::Inside), (400, 200)),
        (ask(4_000, 4_000, Fit::Cover), (200, 200)),
        (ask(4_000, 4_000, Fit::Contain), (400, 400)),
        (ask(800, 100, Fit::Cover), (400, 50)),
        (ask(u32::MAX, u32::MAX, Fit::Cover), (200, 200)),
    ];
    for (ask, size) in sizes {
        for format in Format::ALL {
            let clean = made(&png, &Ask { format: Some(format), ..ask });
            assert_eq!(((clean.width, clean.height), clean.format), (size, format), "{ask:?}");
            let pixels = seen(&clean);
            assert_eq!((pixels.width, pixels.height), size, "{ask:?} {format:?}");
        }
    }
}

#[test]
fn a_picture_stays_the_same_picture() {
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
                let clean = made(&bytes, &Ask { format: Some(format), ..ask(120, 80, fit) });
                assert_eq!(samples::corners(&seen(&clean)), [RED, GREEN, BLUE, WHITE], "{fit:?} {format:?}");
            }
        }
    }
}

#[test]
fn what_matters_stays() {
    let png = samples::png(&samples::quarters(400, 200));
    let focused = |x, y| {
        let clean = made(&png, &Ask { focus: Some((x, y)), ..ask(50, 100, Fit::Cover) });
        samples::corners(&seen(&clean))
    };
    assert_eq!(focused(0.0, 0.5), [RED, RED, BLUE, BLUE]);
    assert_eq!(focused(1.0, 0.5), [GREEN, GREEN, WHITE, WHITE]);
    assert_eq!(focused(0.5, 0.5), [RED, GREEN, BLUE, WHITE]);
    assert_eq!(focused(-9.0, f32::NAN), [RED, RED, BLUE, BLUE]);
    assert_eq!(focused(f32::INFINITY, 9.0), [RED, GREEN, BLUE, WHITE]);
}

#[test]
fn beside_the_picture_is_nothing_or_white() {
    let png = samples::png(&samples::quarters(40, 20));
    let corner = |format| {
        let clean = made(&png, &Ask { format: Some(format), ..ask(40, 40, Fit::Contain) });
        seen(&clean).colours().next().unwrap()
    };
    for format in [Format::Png, Format::Webp, Format::Gif] {
        assert_eq!(corner(format)[3], 0, "{format:?}");
    }
    assert!(corner(Format::Jpeg).iter().all(|value| *value > 250));
}

#[test]
fn transparency_becomes_white_where_it_cannot_stay() {
    let mut pixels = Pixels::new(16, 16, 4);
    pixels.data.chunks_exact_mut(4).for_each(|pixel| pixel.copy_from_slice(&[255, 0, 0, 128]));
    let png = samples::png(&pixels);
    let jpeg = seen(&made(&png, &Ask { format: Some(Format::Jpeg), ..Ask::default() }));
    let [red, green, ..] = jpeg.colours().next().unwrap();
    assert!(red > 245 && (117..137).contains(&green), "{red} {green}");
    let webp = seen(&made(&png, &Ask { format: Some(Format::Webp), ..ask(8, 8, Fit::Inside) }));
    let [red, green, _, alpha] = webp.colours().next().unwrap();
    assert!(red > 245 && green < 10 && (126..130).contains(&alpha), "{red} {green} {alpha}");
}

#[test]
fn a_gif_moves_on_only_as_a_gif() {
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
    let small = made(&gif, &ask(16, None, Fit::Inside));
    assert_eq!(small.format, Format::Gif);
    assert_eq!(frames(&small.bytes), [7; 6]);
    let still = made(&gif, &Ask { format: Some(Format::Webp), ..ask(16, None, Fit::Inside) });
    assert_eq!((still.width, still.height), (16, 12));
}

#[test]
fn each_kind_becomes_each_kind() {
    for (from, bytes) in samples::each() {
        for format in Format::ALL {
            let wanted = Ask { format: Some(format), ..ask(9, 9, Fit::Cover) };
            let clean = made(&bytes, &wanted);
            assert_eq!(clean.format, format, "from {from:?}");
            assert_eq!(made(&bytes, &wanted), clean, "{from:?} to {format:?} is another one each time");
        }
    }
}

#[test]
fn a_variant_has_its_limits() {
    let guard = super::super::guard::Guard::new(std::time::Duration::ZERO);
    for (format, bytes) in samples::each() {
        assert_eq!(make(&bytes, &ask(4, 4, Fit::Cover), &guard), Err(Refused::TooSlow), "{format:?}");
    }
    for height in [limits::SIDE + 1, limits::SIDE] {
        let plan = variant::Plan::new(8_000, 4, &ask(8_000, height, Fit::Contain));
        assert_eq!(plan, Err(Refused::TooManyPixels), "{height}");
    }
}
