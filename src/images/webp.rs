//! WebP: still images and animations. Lossy images are encoded by libwebp, lossless ones by `image-webp`.
use std::io::Write;

use image_webp::{ColorType, DecodingError, LoopCount, WebPDecoder, WebPEncoder};
use webp::{Encoder, WebPConfig};

use super::{
    ImageError, StillImage,
    animation::{self, FrameSink, Frames},
    guard::{Guard, Input, Output},
    orientation::Orientation,
    pixels::Pixels,
    profile::{Conversion, MAX_PROFILE, Profile},
};

const QUALITY: f32 = 82.0;

fn open<'a>(bytes: &'a [u8], guard: &'a Guard) -> Result<WebPDecoder<Input<'a>>, ImageError> {
    let declared_size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    // The decoder accepts truncated files. Only a missing padding byte is allowed.
    if u64::from(declared_size) + 8 > bytes.len() as u64 + 1 {
        return Err(ImageError::Corrupt);
    }
    let mut decoder = WebPDecoder::new(guard.input(bytes)).map_err(|_| guard.cause(ImageError::Corrupt))?;
    // EXIF data and color profiles that are larger are ignored.
    decoder.set_memory_limit(MAX_PROFILE);
    check_frame_sizes(bytes.get(12..).unwrap_or_default(), decoder.dimensions(), true)?;
    Ok(decoder)
}

/// Checks that no lossy frame declares a larger size than the image. The decoder allocates the declared size before it compares
/// them.
fn check_frame_sizes(mut chunks: &[u8], size: (u32, u32), nested: bool) -> Result<(), ImageError> {
    while let [a, b, c, d, size_0, size_1, size_2, size_3, rest @ ..] = chunks {
        let length = u32::from_le_bytes([*size_0, *size_1, *size_2, *size_3]) as usize;
        let content = rest.get(..length).unwrap_or(rest);
        match [*a, *b, *c, *d] {
            FRAME if nested => check_frame_sizes(content.get(16..).unwrap_or_default(), size, false)?,
            LOSSY => {
                if let [_, _, _, 0x9D, 0x01, 0x2A, wide, width, high, height, ..] = *content {
                    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
                    if side(wide, width) > size.0 || side(high, height) > size.1 {
                        return Err(ImageError::Corrupt);
                    }
                }
            }
            _ => {}
        }
        chunks = rest.get(length + length % 2..).unwrap_or_default();
    }
    Ok(())
}

/// Names of chunks: a frame of an animation, and a lossy image.
const FRAME: [u8; 4] = *b"ANMF";
const LOSSY: [u8; 4] = *b"VP8 ";

fn conversion(decoder: &mut WebPDecoder<Input<'_>>, channels: usize) -> Option<Conversion> {
    let profile = decoder.icc_profile().unwrap_or_default()?;
    Profile::from_icc(&profile)?.conversion(channels)
}

/// Decodes a still image, or the first frame.
pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let mut decoder = open(bytes, guard)?;
    if decoder.is_animated() {
        let mut frames = Animation::new(decoder, guard)?;
        let (frame, _) = frames.next_frame()?.ok_or_else(|| guard.cause(ImageError::Corrupt))?;
        return Ok(StillImage::new(frame, frames.lossless()));
    }
    let (width, height) = decoder.dimensions();
    let (lossless, transparent) = (!decoder.is_lossy(), decoder.has_alpha());
    let exif = decoder.exif_metadata().unwrap_or_default();
    let orientation = exif.as_deref().map_or(Orientation::UPRIGHT, Orientation::from_exif);
    // Peak memory of the decoder or the encoder, whichever is more, in tenths of a byte per pixel. The lossy
    // decoder holds the luma, chroma and alpha planes. The lossless decoder holds RGBA pixels, even of an image
    // without transparency.
    let bytes_per_pixel = match (lossless, transparent) {
        (true, _) => 85,
        (false, true) => 105,
        (false, false) if orientation.swaps_sides() => 60,
        (false, false) => 50,
    };
    guard.check_dimensions(width, height, bytes_per_pixel)?;
    let channels = if transparent { 4 } else { 3 };
    let mut pixels = Pixels::new(width, height, channels);
    decoder.read_image(&mut pixels.data).map_err(failed)?;
    if let Some(conversion) = conversion(&mut decoder, channels) {
        conversion.apply(&mut pixels, guard)?;
    }
    guard.check()?;
    Ok(StillImage::new(orientation.apply(pixels), lossless))
}

/// A decoded animation.
pub struct Animation<'a> {
    decoder: WebPDecoder<Input<'a>>,
    guard: &'a Guard,
    conversion: Option<Conversion>,
    lossless: bool,
}

impl<'a> Animation<'a> {
    /// Opens an animation. `None` for a still image.
    pub fn open(bytes: &'a [u8], guard: &'a Guard) -> Result<Option<Self>, ImageError> {
        let decoder = open(bytes, guard)?;
        if decoder.is_animated() { Animation::new(decoder, guard).map(Some) } else { Ok(None) }
    }

    fn new(mut decoder: WebPDecoder<Input<'a>>, guard: &'a Guard) -> Result<Self, ImageError> {
        let (width, height) = decoder.dimensions();
        animation::check(width, height, decoder.num_frames() as usize, guard)?;
        let channels = if decoder.has_alpha() { 4 } else { 3 };
        let conversion = conversion(&mut decoder, channels);
        let lossless = !decoder.is_lossy();
        Ok(Animation { decoder, guard, conversion, lossless })
    }
}

impl Frames for Animation<'_> {
    fn size(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }
    fn count(&self) -> usize {
        self.decoder.num_frames() as usize
    }
    fn plays(&self) -> u16 {
        match self.decoder.loop_count() {
            LoopCount::Forever => 0,
            LoopCount::Times(times) => times.get(),
        }
    }
    fn lossless(&self) -> bool {
        self.lossless
    }

    fn next_frame(&mut self) -> Result<Option<(Pixels, u32)>, ImageError> {
        let (width, height) = self.decoder.dimensions();
        let channels = if self.decoder.has_alpha() { 4 } else { 3 };
        let mut frame = Pixels::new(width, height, channels);
        let milliseconds = match self.decoder.read_frame(&mut frame.data) {
            Ok(milliseconds) => milliseconds,
            Err(DecodingError::NoMoreFrames) => return Ok(None),
            Err(_) => return Err(self.guard.cause(ImageError::Corrupt)),
        };
        if let Some(conversion) = &self.conversion {
            conversion.apply(&mut frame, self.guard)?;
        }
        Ok(Some((frame.with_alpha(), milliseconds)))
    }
}

/// Encodes an animation.
pub struct Writer<'o, 'a> {
    output: &'o mut Output<'a>,
    guard: &'a Guard,
    lossless: bool,
    method: i32,
    previous: Option<Pixels>,
}

/// Flags of the extended header: animation and alpha.
const ANIMATED_WITH_ALPHA: u8 = 0b1_0010;

/// Flags of a frame: its pixels replace those of the canvas, and stay.
const REPLACE: u8 = 0b10;

const MAX_MILLISECONDS: u32 = (1 << 24) - 1;

impl<'o, 'a> Writer<'o, 'a> {
    /// `area` is the number of pixels of all frames.
    pub fn new(
        output: &'o mut Output<'a>,
        (width, height): (u32, u32),
        area: u64,
        plays: u16,
        lossless: bool,
        guard: &'a Guard,
    ) -> Result<Self, ImageError> {
        let mut writer = Writer { output, guard, lossless, method: method(area), previous: None };
        let mut header = b"RIFF\0\0\0\0WEBP".to_vec();
        let size = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
        push_chunk(&mut header, b"VP8X", &[&[ANIMATED_WITH_ALPHA, 0, 0, 0], &size[..]].concat());
        // A transparent background.
        push_chunk(&mut header, b"ANIM", &[&[0; 4], &plays.to_le_bytes()[..]].concat());
        writer.append(&header)?;
        Ok(writer)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ImageError> {
        self.output.write_all(bytes).map_err(|_| self.guard.cause(ImageError::Corrupt))
    }
}

impl FrameSink for Writer<'_, '_> {
    fn write(&mut self, frame: Pixels, milliseconds: u32) -> Result<(), ImageError> {
        let area = animation::changed_area(self.previous.as_ref(), &frame);
        let part = animation::without_opaque_alpha(animation::cut(&frame, area));
        let still = match self.lossless {
            true => encode_lossless(&part, self.guard)?,
            false => encode_lossy(&part, self.method)?,
        };
        let numbers = [
            area.left / 2,
            area.top / 2,
            area.width - 1,
            area.height - 1,
            milliseconds.min(MAX_MILLISECONDS),
        ];
        let mut content: Vec<u8> =
            numbers.iter().flat_map(|number| number.to_le_bytes().into_iter().take(3)).collect();
        content.push(REPLACE);
        push_image_chunks(&mut content, &still).ok_or(ImageError::Corrupt)?;
        let mut chunk = Vec::with_capacity(content.len() + 8);
        push_chunk(&mut chunk, &FRAME, &content);
        self.append(&chunk)?;
        self.previous = Some(frame);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ImageError> {
        Ok(())
    }
}

fn push_chunk(to: &mut Vec<u8>, name: &[u8; 4], content: &[u8]) {
    to.extend(name);
    to.extend((content.len() as u32).to_le_bytes());
    to.extend(content);
    to.resize(to.len() + content.len() % 2, 0);
}

/// Appends the chunks of a still image that contain its pixels.
fn push_image_chunks(to: &mut Vec<u8>, still: &[u8]) -> Option<()> {
    let mut rest = still.get(12..)?;
    while !rest.is_empty() {
        let size = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
        let end = 8 + size + size % 2;
        if matches!(&rest[..4], b"ALPH" | b"VP8 " | b"VP8L") {
            to.extend(rest.get(..end)?);
        }
        rest = rest.get(end..)?;
    }
    Some(())
}

/// Writes the size of the file to its header.
pub fn set_size(file: &mut [u8]) {
    let size = (file.len() as u32).saturating_sub(8).to_le_bytes();
    if let Some(bytes) = file.get_mut(4..8) {
        bytes.copy_from_slice(&size);
    }
}

/// Returns the method of libwebp for a number of pixels. It cannot be canceled, so large images get a faster method that finishes
/// within the timeout.
fn method(pixels: u64) -> i32 {
    match pixels {
        ..=4_000_000 => 4,
        4_000_001..=12_000_000 => 2,
        _ => 0,
    }
}

pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let pixels = pixels.into_rgb();
    let bytes = encode_lossy(&pixels, method(u64::from(pixels.width) * u64::from(pixels.height)))?;
    guard.check()?;
    let mut output = guard.output();
    output.write_all(&bytes).map_err(|_| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
}

fn encode_lossy(pixels: &Pixels, method: i32) -> Result<Vec<u8>, ImageError> {
    let mut config = WebPConfig::new().map_err(|()| ImageError::Corrupt)?;
    config.quality = QUALITY;
    config.method = method;
    let encoder = if pixels.has_alpha() {
        Encoder::from_rgba(&pixels.data, pixels.width, pixels.height)
    } else {
        Encoder::from_rgb(&pixels.data, pixels.width, pixels.height)
    };
    Ok(encoder.encode_advanced(&config).map_err(|_| ImageError::Corrupt)?.to_vec())
}

pub fn encode_lossless(pixels: &Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let color_type = match pixels.channels {
        1 => ColorType::L8,
        2 => ColorType::La8,
        3 => ColorType::Rgb8,
        _ => ColorType::Rgba8,
    };
    let mut output = guard.output();
    WebPEncoder::new(&mut output)
        .encode(&pixels.data, pixels.width, pixels.height, color_type)
        .map_err(|_| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
}
