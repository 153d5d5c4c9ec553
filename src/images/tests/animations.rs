//! Animations: frames, delays and repetitions are kept; metadata is not.
use super::{
    contains,
    samples::{self, BLUE, GREEN, RED, WHITE},
    sanitized,
};
use crate::images::{Format, VariantOptions, animation, decode, pixels::Pixels, variant::make};

/// Decodes all frames: the pixels, and the duration.
fn frames(format: Format, bytes: &[u8]) -> Vec<(Pixels, u32)> {
    let guard = samples::guard();
    let mut source = animation::open(format, bytes, &guard).unwrap().expect("an animation");
    std::iter::from_fn(|| source.next_frame().unwrap()).collect()
}

fn color_at((pixels, _): &(Pixels, u32), x: u32, y: u32) -> [u8; 4] {
    pixels.rgba().nth((y * pixels.width + x) as usize).unwrap()
}

/// Encodes an APNG of 8 × 8 pixels: red, then a green square of 4 × 4 pixels at (2, 2) for each disposal, and a comment.
fn apng(dispose: png::DisposeOp, blend: png::BlendOp, square: [u8; 4], default_image: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgba);
    encoder.add_text_chunk("Comment".to_owned(), "a comment that says where".to_owned()).unwrap();
    encoder.set_animated(3, 2).unwrap();
    encoder.set_sep_def_img(default_image).unwrap();
    encoder.set_frame_delay(1, 10).unwrap();
    let mut writer = encoder.write_header().unwrap();
    if default_image {
        writer.write_image_data(&[0, 0, 255, 255].repeat(64)).unwrap();
    }
    writer.write_image_data(&[255, 0, 0, 255].repeat(64)).unwrap();
    writer.set_frame_dimension(4, 4).unwrap();
    writer.set_frame_position(2, 2).unwrap();
    writer.set_dispose_op(dispose).unwrap();
    writer.set_blend_op(blend).unwrap();
    writer.write_image_data(&square.repeat(16)).unwrap();
    writer.set_frame_dimension(1, 1).unwrap();
    writer.set_frame_position(0, 0).unwrap();
    writer.write_image_data(&[0, 0, 255, 255]).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn keeps_animated_png_files() {
    use png::{BlendOp, DisposeOp};
    let (green, red) = ([0, 255, 0, 255], [255, 0, 0, 255]);
    for default_image in [false, true] {
        for (dispose, after) in
            [(DisposeOp::None, green), (DisposeOp::Background, [0; 4]), (DisposeOp::Previous, red)]
        {
            let sent = apng(dispose, BlendOp::Source, green, default_image);
            let clean = sanitized(&sent).unwrap();
            assert!(!contains(&clean.bytes, b"comment") && clean.format == Format::Png);
            let seen = frames(Format::Png, &clean.bytes);
            assert_eq!(seen.iter().map(|frame| frame.1).collect::<Vec<_>>(), [100; 3]);
            assert_eq!(color_at(&seen[0], 3, 3), red);
            assert_eq!((color_at(&seen[1], 3, 3), color_at(&seen[1], 1, 1)), (green, red));
            assert_eq!((color_at(&seen[2], 3, 3), color_at(&seen[2], 0, 0)), (after, [0, 0, 255, 255]));
            let guard = samples::guard();
            assert_eq!(animation::open(Format::Png, &clean.bytes, &guard).unwrap().unwrap().plays(), 2);
            assert_eq!(sanitized(&clean.bytes).unwrap(), clean, "not idempotent");
        }
    }
    let blended = sanitized(&apng(DisposeOp::None, BlendOp::Over, [0, 255, 0, 128], false)).unwrap();
    let [red, green, _, alpha] = color_at(&frames(Format::Png, &blended.bytes)[1], 3, 3);
    assert!(
        (126..130).contains(&red) && (126..130).contains(&green) && alpha == 255,
        "{red} {green} {alpha}"
    );
}

#[test]
fn keeps_animated_webp_files() {
    let gif = samples::gif(32, 24, 4);
    let options = VariantOptions { format: Some(Format::Webp), ..VariantOptions::default() };
    let lossy = make(&gif, &options, &samples::guard()).unwrap().bytes;
    let exif = samples::exif(1);
    let sent = {
        let mut bytes = lossy.clone();
        bytes.extend(b"EXIF");
        bytes.extend((exif.len() as u32).to_le_bytes());
        bytes.extend(&exif);
        let size = (bytes.len() as u32 - 8).to_le_bytes();
        bytes[4..8].copy_from_slice(&size);
        bytes.extend(b"PK\x03\x04 appended");
        bytes
    };
    let clean = sanitized(&sent).unwrap();
    assert!(!contains(&clean.bytes, samples::GPS_LOCATION) && !contains(&clean.bytes, b"PK\x03\x04"));
    assert_eq!((clean.format, clean.width, clean.height), (Format::Webp, 32, 24));
    let (before, after) = (frames(Format::Webp, &lossy), frames(Format::Webp, &clean.bytes));
    assert_eq!(after.len(), 4);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.1, after.1);
        let near = before.0.data.iter().zip(&after.0.data).all(|(one, other)| one.abs_diff(*other) < 8);
        assert!(near, "{:?} {:?}", color_at(before, 3, 3), color_at(after, 3, 3));
    }
}

#[test]
fn lossless_webp_animations_keep_every_pixel() {
    let sent = {
        let frame = |pixels: &Pixels| {
            let still = samples::webp(pixels, true);
            [&[0; 6][..], &[15, 0, 0, 9, 0, 0, 40, 0, 0, 2], &still[12..]].concat()
        };
        let (first, second) = (frame(&samples::noise(16, 10, 4)), frame(&samples::quarters(16, 10)));
        let chunks: &[(&[u8; 4], &[u8])] =
            &[(b"ANIM", &[0, 0, 0, 0, 3, 0]), (b"ANMF", &first), (b"ANMF", &second)];
        samples::extended(b"RIFF\0\0\0\0WEBP", 0x12, 16, 10, chunks)
    };
    let clean = sanitized(&sent).unwrap();
    assert!(frames(Format::Webp, &clean.bytes) == frames(Format::Webp, &sent));
    let guard = samples::guard();
    assert_eq!(animation::open(Format::Webp, &clean.bytes, &guard).unwrap().unwrap().plays(), 3);
    assert_eq!(sanitized(&clean.bytes).unwrap().bytes, clean.bytes);
    let still = decode(Format::Webp, &clean.bytes, &guard).unwrap();
    assert_eq!((still.pixels.width, still.pixels.height), (16, 10));
}

#[test]
fn clips_gif_frames_to_the_screen() {
    let gif = |left: u16, top: u16, width: u16, height: u16| {
        let mut bytes = Vec::new();
        let palette: Vec<u8> = [RED, GREEN, BLUE, WHITE].concat();
        // The encoder rejects frames outside of the screen: the screen is made smaller afterwards.
        let mut encoder = gif::Encoder::new(&mut bytes, 100, 100, &palette).unwrap();
        let pixels: Vec<u8> =
            (0..height).flat_map(|y| (0..width).map(move |x| ((x / 4 + y / 4) % 4) as u8)).collect();
        let frame =
            gif::Frame { left, top, width, height, delay: 9, buffer: pixels.into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
        encoder.write_frame(&frame).unwrap();
        drop(encoder);
        bytes[6..10].copy_from_slice(&[10, 0, 10, 0]);
        bytes
    };
    for (left, top, width, height) in
        [(0, 0, 16, 16), (4, 2, 16, 3), (2, 4, 3, 16), (50, 50, 16, 16), (0, 0, 100, 100)]
    {
        let sent = gif(left, top, width, height);
        let clean = sanitized(&sent).unwrap_or_else(|error| panic!("{left} {top}: {error:?}"));
        assert_eq!((clean.width, clean.height), (10, 10));
        let mut decoder = {
            let mut options = gif::DecodeOptions::new();
            options.check_frame_consistency(true);
            options.read_info(&clean.bytes[..]).unwrap()
        };
        let mut count = 0;
        while let Some(frame) = decoder.read_next_frame().expect("the frames are on the screen") {
            assert_eq!(frame.delay, 9);
            count += 1;
        }
        assert_eq!(count, 2);
        let pixels = frames(Format::Gif, &clean.bytes).remove(0).0;
        for (index, color) in (0_u16..).zip(pixels.rgba()) {
            let (x, y) = (index % 10, index / 10);
            let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
            let expected = match inside {
                true => {
                    let [red, green, blue] =
                        [RED, GREEN, BLUE, WHITE][usize::from(((x - left) / 4 + (y - top) / 4) % 4)];
                    [red, green, blue, 255]
                }
                false => [0; 4],
            };
            assert_eq!(color, expected, "frame at {left} {top}: pixel {x} {y}");
        }
    }
}

#[test]
fn a_gif_frame_outside_of_the_screen_changes_no_pixel() {
    let mut sent = Vec::new();
    let mut encoder = gif::Encoder::new(&mut sent, 100, 100, &RED).unwrap();
    for (left, dispose) in [
        (0, gif::DisposalMethod::Keep),
        (50, gif::DisposalMethod::Background),
        (60, gif::DisposalMethod::Keep),
    ] {
        let frame =
            gif::Frame { left, dispose, ..gif::Frame::from_indexed_pixels(10, 10, vec![0; 100], None) };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    sent[6..10].copy_from_slice(&[10, 0, 10, 0]);
    let clean = sanitized(&sent).unwrap();
    let seen = frames(Format::Gif, &clean.bytes);
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|frame| frame.0.data == [255, 0, 0, 255].repeat(100)));
}

#[test]
fn accepts_gif_files_with_long_metadata() {
    let mut sent = Vec::new();
    let mut encoder = gif::Encoder::new(&mut sent, 4, 4, &RED).unwrap();
    encoder.write_raw_extension(gif::AnyExtension(0xFF), &[b"XMP DataXMP", &[b'x'; 8192]]).unwrap();
    encoder.write_frame(&gif::Frame::from_indexed_pixels(4, 4, vec![0; 16], None)).unwrap();
    drop(encoder);
    assert!(contains(&sent, &[b'x'; 200]));
    assert!(!contains(&sanitized(&sent).unwrap().bytes, b"xxx"));
}

/// Encodes an animated WebP of 8 × 8 pixels: red, then a square of 4 × 4 pixels at (2, 2) with flags, then 2 × 2 blue
/// pixels at (0, 0).
fn animated_webp(canvas_flags: u8, flags: u8, square: [u8; 4], lossless: bool) -> Vec<u8> {
    let frame = |place: u8, side: u8, flags: u8, color: [u8; 4]| {
        let pixels = usize::from(side).pow(2);
        let (width, height) = (side.into(), side.into());
        let pixels = Pixels { width, height, channels: 4, data: color.repeat(pixels) };
        let still = samples::webp(&animation::without_opaque_alpha(pixels), lossless);
        let header = [place, 0, 0, place, 0, 0, side - 1, 0, 0, side - 1, 0, 0, 100, 0, 0, flags];
        // The image follows the extended header, if there is one.
        let image = if &still[12..16] == b"VP8X" { 30 } else { 12 };
        [&header, &still[image..]].concat()
    };
    let parts =
        [frame(0, 8, 0, [255, 0, 0, 255]), frame(1, 4, flags, square), frame(0, 2, 0, [0, 0, 255, 255])];
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"ANIM", &[255, 255, 255, 255, 2, 0])];
    chunks.extend(parts.iter().map(|part| (b"ANMF", &part[..])));
    samples::extended(b"RIFF\0\0\0\0WEBP", canvas_flags, 8, 8, &chunks)
}

#[test]
fn webp_frames_are_blended_and_disposed() {
    const BLEND: u8 = 0;
    const DISPOSE: u8 = 1;
    const REPLACE: u8 = 2;
    let (red, green, half) = ([255, 0, 0, 255], [0, 255, 0, 255], [0, 255, 0, 128]);
    for (flags, square, during, after) in [
        (BLEND, green, green, green),
        (BLEND | DISPOSE, green, green, [0; 4]),
        (REPLACE, green, green, green),
        (REPLACE | DISPOSE, green, green, [0; 4]),
        (BLEND, half, [127, 128, 0, 255], [127, 128, 0, 255]),
        (BLEND | DISPOSE, half, [127, 128, 0, 255], [0; 4]),
        (REPLACE, half, half, half),
        (BLEND, [0; 4], red, red),
        (REPLACE, [0; 4], [0; 4], [0; 4]),
    ] {
        // The flag of an image with transparency is a hint only.
        for (lossless, canvas_flags) in [(true, 0x12), (true, 0x02), (false, 0x12), (false, 0x02)] {
            let context = format!("flags {flags}, {square:?}, lossless: {lossless}, {canvas_flags:#x}");
            let sent = animated_webp(canvas_flags, flags, square, lossless);
            let seen = frames(Format::Webp, &sent);
            let expect = |frame: usize, x: u32, y: u32, expected: [u8; 4]| {
                let color = color_at(&seen[frame], x, y);
                let near = color.iter().zip(&expected).all(|(one, other)| one.abs_diff(*other) < 8);
                assert!(near, "{context}: frame {frame} at {x} {y}: {color:?}, not {expected:?}");
            };
            assert_eq!(seen.len(), 3, "{context}");
            for frame in 0..3 {
                expect(frame, 7, 7, red);
                expect(frame, 1, 3, red);
            }
            expect(0, 3, 3, red);
            expect(1, 3, 3, during);
            expect(2, 3, 3, after);
            expect(2, 0, 0, [0, 0, 255, 255]);
            let stored = frames(Format::Webp, &sanitized(&sent).unwrap().bytes);
            if lossless {
                assert!(stored == seen, "{context}");
            }
            let alphas = |frames: &[(Pixels, u32)]| {
                frames.iter().flat_map(|frame| frame.0.rgba().map(|color| color[3])).collect::<Vec<_>>()
            };
            assert_eq!(alphas(&stored), alphas(&seen), "{context}");
        }
    }
}

#[test]
fn the_changed_area_is_minimal() {
    let before = Pixels::new(9, 7, 4);
    let mut after = before.clone();
    assert_eq!(
        animation::changed_area(None, &after),
        animation::Area { left: 0, top: 0, width: 9, height: 7 }
    );
    assert_eq!(
        animation::changed_area(Some(&before), &after),
        animation::Area { left: 0, top: 0, width: 1, height: 1 }
    );
    after.data[(3 * 9 + 5) * 4] = 1;
    after.data[(5 * 9 + 7) * 4] = 1;
    let area = animation::Area { left: 4, top: 2, width: 4, height: 4 };
    assert_eq!(animation::changed_area(Some(&before), &after), area);
    assert_eq!(animation::cut(&after, area).data.iter().filter(|value| **value == 1).count(), 2);
}

#[test]
fn the_dominant_color_is_the_most_frequent_one() {
    let color = |pixels: &Pixels| crate::images::blur::placeholders(pixels).unwrap().1;
    let mut pixels = Pixels::new(20, 20, 3);
    pixels.data[..900].chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&[200, 40, 30]));
    let [red, green, blue] = color(&pixels);
    assert!(red.abs_diff(200) < 4 && green.abs_diff(40) < 4 && blue.abs_diff(30) < 4, "{red} {green} {blue}");
    assert_eq!(color(&Pixels::new(4, 4, 4)), [255; 3], "an invisible image");
    // The hash of an earlier version contains the average color.
    let hash = crate::images::blur::placeholders(&samples::quarters(32, 32)).unwrap().0;
    let [red, green, blue] = crate::images::average_color(&hash).unwrap();
    assert!(
        red.abs_diff(188) < 4 && green.abs_diff(188) < 4 && blue.abs_diff(188) < 4,
        "{red} {green} {blue}"
    );
    assert_eq!(crate::images::average_color("0"), None);
}
