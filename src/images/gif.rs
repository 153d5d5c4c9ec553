//! GIF: each frame is decoded and re-encoded with its own sorted palette, and retains its delay and position.
use gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, Encoder, EncodingError, Frame,
    MemoryLimit, Repeat,
};

use super::{
    Format, ImageError, SanitizedImage, StillImage, blur,
    guard::{Guard, Input, check_dimensions},
    limits,
    palette::Palette,
    pixels::Pixels,
    variant::{Plan, VariantOptions},
};

/// Memory limit of the decoder, in bytes. An indexed frame has one byte per pixel.
const MAX_DECODER_MEMORY: u64 = limits::MAX_PIXELS;

fn open<'a>(bytes: &'a [u8], guard: &'a Guard) -> Result<Decoder<Input<'a>>, ImageError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    options
        .set_memory_limit(MAX_DECODER_MEMORY.try_into().map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let decoder = options.read_info(guard.input(bytes)).map_err(|_| guard.cause(ImageError::Corrupt))?;
    // 13 bytes per pixel: the decoded frame, the canvas, its copy for disposal, and the encoder.
    check_dimensions(decoder.width().into(), decoder.height().into(), 130)?;
    Ok(decoder)
}

fn frame_rgba<'a>(
    frame: &'a Frame<'_>,
    global: Option<&'a [u8]>,
) -> Result<impl Iterator<Item = [u8; 4]> + Clone + use<'a>, ImageError> {
    let palette = frame.palette.as_deref().or(global).ok_or(ImageError::Corrupt)?;
    let transparent = frame.transparent;
    Ok(frame.buffer.iter().map(move |index| {
        let at = usize::from(*index) * 3;
        match palette.get(at..at + 3) {
            Some([red, green, blue]) if transparent != Some(*index) => [*red, *green, *blue, 255],
            _ => [0; 4],
        }
    }))
}

/// Draws a frame on the canvas, except for its transparent pixels.
fn draw(canvas: &mut Pixels, frame: &Frame<'_>, global: Option<&[u8]>) -> Result<(), ImageError> {
    let stride = usize::from(frame.width);
    for (index, color) in frame_rgba(frame, global)?.enumerate() {
        let (x, y) = (index % stride + usize::from(frame.left), index / stride + usize::from(frame.top));
        let at = (y * canvas.width as usize + x) * 4;
        if let Some(pixel) = canvas.data.get_mut(at..at + 4).filter(|_| color[3] > 0) {
            pixel.copy_from_slice(&color);
        }
    }
    Ok(())
}

/// Decodes the first frame.
pub fn first(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let mut decoder = open(bytes, guard)?;
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let mut canvas = Pixels::new(decoder.width().into(), decoder.height().into(), 4);
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(failed)?.ok_or(ImageError::Corrupt)?;
    draw(&mut canvas, frame, global.as_deref())?;
    guard.check()?;
    Ok(StillImage { pixels: canvas, lossless: true })
}

/// Re-encodes all frames without metadata.
pub fn sanitize(bytes: &[u8], guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let blurhash = blur::hash(&first(bytes, guard)?.pixels)?;
    let mut decoder = open(bytes, guard)?;
    let (width, height) = (decoder.width(), decoder.height());
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let encode_error = |_: EncodingError| guard.cause(ImageError::Corrupt);
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, width, height, &[]).map_err(encode_error)?;
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(|_| guard.cause(ImageError::Corrupt))? {
        if frames == limits::MAX_FRAMES {
            return Err(ImageError::TooManyFrames);
        }
        let frame = reencode_frame(frame, global.as_deref())?;
        if frames == 0 && decoder.repeat() != Repeat::default() {
            encoder.set_repeat(decoder.repeat()).map_err(encode_error)?;
        }
        encoder.write_frame(&frame).map_err(encode_error)?;
        frames += 1;
        guard.check()?;
    }
    if frames == 0 {
        return Err(guard.cause(ImageError::Corrupt));
    }
    drop(encoder);
    let bytes = output.bytes;
    Ok(SanitizedImage { format: Format::Gif, width: width.into(), height: height.into(), blurhash, bytes })
}

/// Re-encodes one frame with a sorted palette.
fn reencode_frame(frame: &Frame<'_>, global: Option<&[u8]>) -> Result<Frame<'static>, ImageError> {
    let palette = Palette::from_pixels(frame_rgba(frame, global)?).ok_or(ImageError::Corrupt)?;
    let transparent = palette.transparent();
    Ok(Frame {
        delay: frame.delay,
        dispose: frame.dispose,
        transparent,
        needs_user_input: false,
        top: frame.top,
        left: frame.left,
        width: frame.width,
        height: frame.height,
        interlaced: false,
        palette: Some(palette.rgb()),
        buffer: palette.indices.into(),
    })
}

/// Resizes all frames. Each frame is rendered to a full canvas first, because the offset of a partial frame
/// does not scale to whole pixels.
pub fn variant(bytes: &[u8], options: &VariantOptions, guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let mut decoder = open(bytes, guard)?;
    let mut canvas = Pixels::new(decoder.width().into(), decoder.height().into(), 4);
    let plan = Plan::new(canvas.width, canvas.height, options)?;
    let (width, height) = plan.size;
    let (Ok(encoded_width), Ok(encoded_height)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(ImageError::TooManyPixels);
    };
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let encode_error = |_: EncodingError| guard.cause(ImageError::Corrupt);
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, encoded_width, encoded_height, &[]).map_err(encode_error)?;
    let mut blurhash = None;
    while let Some(frame) = decoder.read_next_frame().map_err(|_| guard.cause(ImageError::Corrupt))? {
        let previous = (frame.dispose == DisposalMethod::Previous).then(|| canvas.clone());
        draw(&mut canvas, frame, global.as_deref())?;
        let drawn = plan.draw(canvas.clone(), true)?;
        let (delay, disposed_area) =
            (frame.delay, (frame.dispose == DisposalMethod::Background).then(|| frame_area(frame)));
        if blurhash.is_none() {
            blurhash = Some(blur::hash(&drawn)?);
            if decoder.repeat() != Repeat::default() {
                encoder.set_repeat(decoder.repeat()).map_err(encode_error)?;
            }
        }
        encoder.write_frame(&full_frame(drawn, delay, guard)?).map_err(encode_error)?;
        if let Some(area) = disposed_area {
            clear_area(&mut canvas, area);
        }
        canvas = previous.unwrap_or(canvas);
        guard.check()?;
    }
    drop(encoder);
    let blurhash = blurhash.ok_or_else(|| guard.cause(ImageError::Corrupt))?;
    Ok(SanitizedImage { format: Format::Gif, width, height, blurhash, bytes: output.bytes })
}

type Area = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Returns the columns and rows of a frame.
fn frame_area(frame: &Frame<'_>) -> Area {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    (left..left + usize::from(frame.width), top..top + usize::from(frame.height))
}

/// Makes an area of the canvas transparent.
fn clear_area(canvas: &mut Pixels, (columns, rows): Area) {
    let stride = canvas.width as usize;
    for row in rows {
        let range = (row * stride + columns.start) * 4..(row * stride + columns.end) * 4;
        if let Some(range) = canvas.data.get_mut(range) {
            range.fill(0);
        }
    }
}

/// Builds a frame that covers the canvas and is cleared before the next one.
fn full_frame(pixels: Pixels, delay: u16, guard: &Guard) -> Result<Frame<'static>, ImageError> {
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height)) else {
        return Err(ImageError::TooManyPixels);
    };
    // GIF has no partial transparency: each pixel becomes opaque or transparent.
    let mut rgba: Vec<[u8; 4]> = pixels.rgba().map(threshold_alpha).collect();
    drop(pixels);
    guard.check()?;
    let mut frame = match Palette::from_pixels(rgba.iter().copied()) {
        Some(palette) => {
            let transparent = palette.transparent();
            let palette_bytes = palette.rgb();
            Frame {
                width,
                height,
                transparent,
                palette: Some(palette_bytes),
                buffer: palette.indices.into(),
                ..Frame::default()
            }
        }
        None => Frame::from_rgba_speed(width, height, rgba.as_flattened_mut(), QUANTIZE_SPEED),
    };
    frame.delay = delay;
    frame.dispose = DisposalMethod::Background;
    guard.check()?;
    Ok(frame)
}

fn threshold_alpha([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    if alpha < 128 { [0; 4] } else { [red, green, blue, 255] }
}

/// Encodes a still image.
pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    check_dimensions(pixels.width, pixels.height, 100)?;
    let frame = full_frame(pixels, 0, guard)?;
    let mut output = guard.output();
    let encode_error = |_: EncodingError| guard.cause(ImageError::Corrupt);
    let mut encoder = Encoder::new(&mut output, frame.width, frame.height, &[]).map_err(encode_error)?;
    encoder.write_frame(&frame).map_err(encode_error)?;
    drop(encoder);
    Ok(output.bytes)
}

/// Speed of the color quantization, from 1 (best quality) to 30.
const QUANTIZE_SPEED: i32 = 10;
