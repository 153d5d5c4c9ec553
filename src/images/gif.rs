//! GIF: each frame is decoded and re-encoded with its own sorted palette, and retains its delay and position.
use gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, Encoder, EncodingError, Frame,
    MemoryLimit, Repeat,
};

use super::{
    Format, ImageError, SanitizedImage, StillImage,
    animation::{FrameSink, Frames},
    blur,
    guard::{Guard, Input, Output},
    limits,
    palette::Palette,
    pixels::Pixels,
};

/// Minimum memory for a frame that exceeds the screen, and for metadata, in bytes.
const MIN_MEMORY: u64 = 16_000_000;

fn options(screen: u64) -> DecodeOptions {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // An indexed frame has one byte per pixel. A frame may exceed the screen: it is clipped after decoding.
    let memory = screen.max(MIN_MEMORY);
    options.set_memory_limit(memory.try_into().map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options
}

/// Returns the cause of a decoder error.
fn cause(error: &DecodingError, guard: &Guard) -> ImageError {
    let memory = matches!(error, DecodingError::MemoryLimit | DecodingError::OutOfMemory);
    guard.cause(if memory { ImageError::TooManyPixels } else { ImageError::Corrupt })
}

/// Returns the width and height of the screen.
fn screen(bytes: &[u8], guard: &Guard) -> Result<(u32, u32), ImageError> {
    let Some([wide, width, high, height]) = bytes.get(6..10) else { return Err(ImageError::Corrupt) };
    let (width, height) =
        (u16::from_le_bytes([*wide, *width]).into(), u16::from_le_bytes([*high, *height]).into());
    // 17 bytes per pixel: the decoded frame, the canvas, its copy for disposal, the frame to draw, and the encoder.
    guard.check_dimensions(width, height, 170)?;
    Ok((width, height))
}

fn open<'a>(bytes: &'a [u8], guard: &'a Guard) -> Result<Decoder<Input<'a>>, ImageError> {
    let (width, height) = screen(bytes, guard)?;
    let options = options(u64::from(width) * u64::from(height));
    options.read_info(guard.input(bytes)).map_err(|error| cause(&error, guard))
}

/// Returns the number of frames and of repetitions, after checking the number and the area of the frames.
fn count_frames(bytes: &[u8], guard: &Guard) -> Result<(usize, Repeat), ImageError> {
    let mut options = options(0);
    options.skip_frame_decoding(true);
    let mut decoder = options.read_info(guard.input(bytes)).map_err(|error| cause(&error, guard))?;
    let (mut count, mut area) = (0, 0);
    while let Some(frame) = decoder.next_frame_info().map_err(|error| cause(&error, guard))? {
        count += 1;
        area += u64::from(frame.width) * u64::from(frame.height);
        if count > limits::MAX_FRAMES {
            return Err(ImageError::TooManyFrames);
        }
        if area > guard.limits.animation() {
            return Err(ImageError::TooManyPixels);
        }
    }
    Ok((count, decoder.repeat()))
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
        let visible = x < canvas.width as usize && color[3] > 0;
        if let Some(pixel) = canvas.data.get_mut(at..at + 4).filter(|_| visible) {
            pixel.copy_from_slice(&color);
        }
    }
    Ok(())
}

/// Decodes the first frame.
pub fn first(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let mut decoder = open(bytes, guard)?;
    let mut canvas = Pixels::new(decoder.width().into(), decoder.height().into(), 4);
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame =
        decoder.read_next_frame().map_err(|error| cause(&error, guard))?.ok_or(ImageError::Corrupt)?;
    draw(&mut canvas, frame, global.as_deref())?;
    guard.check()?;
    Ok(StillImage::new(canvas, true))
}

/// Re-encodes all frames without metadata.
pub fn sanitize(bytes: &[u8], guard: &Guard) -> Result<SanitizedImage, ImageError> {
    count_frames(bytes, guard)?;
    let (blurhash, dominant_color) = blur::placeholders(&first(bytes, guard)?.pixels)?;
    let mut decoder = open(bytes, guard)?;
    let (width, height) = (decoder.width(), decoder.height());
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let encode_error = |_: EncodingError| guard.cause(ImageError::Corrupt);
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, width, height, &[]).map_err(encode_error)?;
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(|error| cause(&error, guard))? {
        let frame = reencode_frame(frame, global.as_deref(), (width, height))?;
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
    let (width, height, bytes) = (width.into(), height.into(), output.bytes);
    Ok(SanitizedImage { format: Format::Gif, width, height, blurhash, dominant_color, bytes })
}

/// Re-encodes the visible part of a frame with a sorted palette. A frame outside the screen becomes a transparent pixel.
fn reencode_frame(
    frame: &Frame<'_>,
    global: Option<&[u8]>,
    screen: (u16, u16),
) -> Result<Frame<'static>, ImageError> {
    let stride = usize::from(frame.width);
    let visible = |start: u16, length: u16, max: u16| length.min(max.saturating_sub(start));
    let (width, height) =
        (visible(frame.left, frame.width, screen.0), visible(frame.top, frame.height, screen.1));
    let base =
        Frame { delay: frame.delay, dispose: frame.dispose, needs_user_input: false, ..Frame::default() };
    if width == 0 || height == 0 {
        let (palette, buffer) = (Some(vec![0; 3]), vec![0].into());
        // The disposal of the original changes no pixel.
        let base = Frame { dispose: DisposalMethod::Keep, ..base };
        return Ok(Frame { width: 1, height: 1, transparent: Some(0), palette, buffer, ..base });
    }
    let is_visible =
        |index: usize| index % stride < usize::from(width) && index / stride < usize::from(height);
    let colors = frame_rgba(frame, global)?.enumerate();
    let colors = colors.filter_map(|(index, color)| is_visible(index).then_some(color));
    let palette = Palette::from_pixels(colors).ok_or(ImageError::Corrupt)?;
    let transparent = palette.transparent();
    Ok(Frame {
        transparent,
        top: frame.top,
        left: frame.left,
        width,
        height,
        palette: Some(palette.rgb()),
        buffer: palette.indices.into(),
        ..base
    })
}

/// A decoded GIF.
pub struct Animation<'a> {
    decoder: Decoder<Input<'a>>,
    guard: &'a Guard,
    global: Option<Vec<u8>>,
    canvas: Pixels,
    count: usize,
    repeat: Repeat,
    disposal: Disposal,
}

/// The change of the canvas before the next frame.
enum Disposal {
    Keep,
    Restore(Pixels),
    Clear(Area),
}

impl<'a> Animation<'a> {
    pub fn open(bytes: &'a [u8], guard: &'a Guard) -> Result<Self, ImageError> {
        let (count, repeat) = count_frames(bytes, guard)?;
        let decoder = open(bytes, guard)?;
        let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
        if u64::from(width) * u64::from(height) * count as u64 > guard.limits.animation() {
            return Err(ImageError::TooManyPixels);
        }
        let global = decoder.global_palette().map(<[u8]>::to_vec);
        let canvas = Pixels::new(width, height, 4);
        Ok(Animation { decoder, guard, global, canvas, count, repeat, disposal: Disposal::Keep })
    }
}

impl Frames for Animation<'_> {
    fn size(&self) -> (u32, u32) {
        (self.canvas.width, self.canvas.height)
    }
    fn count(&self) -> usize {
        self.count
    }
    fn plays(&self) -> u16 {
        match self.repeat {
            Repeat::Infinite => 0,
            // The number of repetitions after the first time.
            Repeat::Finite(times) => times.saturating_add(1),
        }
    }
    fn lossless(&self) -> bool {
        true
    }

    fn next_frame(&mut self) -> Result<Option<(Pixels, u32)>, ImageError> {
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Restore(canvas) => self.canvas = canvas,
            Disposal::Clear(area) => clear_area(&mut self.canvas, area),
        }
        let frame = self.decoder.read_next_frame().map_err(|error| cause(&error, self.guard))?;
        let Some(frame) = frame else { return Ok(None) };
        self.disposal = match frame.dispose {
            DisposalMethod::Previous => Disposal::Restore(self.canvas.clone()),
            DisposalMethod::Background => Disposal::Clear(frame_area(frame)),
            _ => Disposal::Keep,
        };
        draw(&mut self.canvas, frame, self.global.as_deref())?;
        let milliseconds = u32::from(frame.delay) * 10;
        self.guard.check()?;
        Ok(Some((self.canvas.clone(), milliseconds)))
    }
}

/// Encodes complete frames.
pub struct Writer<'o, 'a> {
    encoder: Encoder<&'o mut Output<'a>>,
    guard: &'a Guard,
}

impl<'o, 'a> Writer<'o, 'a> {
    pub fn new(
        output: &'o mut Output<'a>,
        (width, height): (u32, u32),
        plays: u16,
        guard: &'a Guard,
    ) -> Result<Self, ImageError> {
        let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else {
            return Err(ImageError::TooManyPixels);
        };
        let failed = |_: EncodingError| guard.cause(ImageError::Corrupt);
        let mut encoder = Encoder::new(output, width, height, &[]).map_err(failed)?;
        match plays {
            0 => encoder.set_repeat(Repeat::Infinite).map_err(failed)?,
            // Without a number of repetitions, an animation is played once.
            1 => {}
            plays => encoder.set_repeat(Repeat::Finite(plays - 1)).map_err(failed)?,
        }
        Ok(Writer { encoder, guard })
    }
}

impl FrameSink for Writer<'_, '_> {
    fn write(&mut self, frame: Pixels, milliseconds: u32) -> Result<(), ImageError> {
        let delay = u16::try_from(milliseconds.div_ceil(10)).unwrap_or(u16::MAX);
        let frame = full_frame(frame, delay, self.guard)?;
        self.encoder.write_frame(&frame).map_err(|_| self.guard.cause(ImageError::Corrupt))
    }

    fn finish(self: Box<Self>) -> Result<(), ImageError> {
        Ok(())
    }
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
    let (start, end) = (columns.start.min(stride), columns.end.min(stride));
    for row in rows {
        if let Some(range) = canvas.data.get_mut((row * stride + start) * 4..(row * stride + end) * 4) {
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
    guard.check_dimensions(pixels.width, pixels.height, 100)?;
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
