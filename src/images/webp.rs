//! WebP: still images and animations. Lossy images are encoded by libwebp, lossless ones by `image-webp`.
use std::io::Write;

use image_webp::{ColorType, LoopCount, WebPDecoder, WebPEncoder};
use webp::{Encoder, WebPConfig};

use super::{
    ImageError, StillImage,
    animation::{self, Area, FrameSink, Frames},
    guard::{Guard, Input, Output},
    orientation::Orientation,
    pixels::Pixels,
    profile::{Conversion, MAX_PROFILE, Profile},
};

const QUALITY: f32 = 82.0;

/// Returns the size that the header of a file or a chunk declares, without the header.
fn declared_size(bytes: &[u8]) -> usize {
    bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, |size| u32::from_le_bytes(size) as usize)
}

fn open<'a>(bytes: &'a [u8], guard: &'a Guard) -> Result<WebPDecoder<Input<'a>>, ImageError> {
    // The decoder accepts truncated files. Only a missing padding byte is allowed.
    if declared_size(bytes) + 8 > bytes.len() + 1 {
        return Err(ImageError::Corrupt);
    }
    let mut decoder = WebPDecoder::new(guard.input(bytes)).map_err(|_| guard.cause(ImageError::Corrupt))?;
    // EXIF data and color profiles that are larger are ignored.
    decoder.set_memory_limit(MAX_PROFILE);
    if !decoder.is_animated() {
        check_still(bytes.get(12..).unwrap_or_default(), decoder.dimensions())?;
    }
    Ok(decoder)
}

/// Checks that no image in a still file declares a larger size than the file. The decoder allocates the declared size
/// before it compares them.
fn check_still(mut chunks: &[u8], size: (u32, u32)) -> Result<(), ImageError> {
    while let Some((name, content)) = next_chunk(&mut chunks) {
        match (name, content) {
            // The decoder also reads the images in frames of a still file.
            (FRAME, _) => return Err(ImageError::Corrupt),
            (LOSSY, [_, _, _, 0x9D, 0x01, 0x2A, wide, width, high, height, ..]) => {
                let side = |low: &u8, high: &u8| u32::from(u16::from_le_bytes([*low, *high]) & 0x3FFF);
                if side(wide, width) > size.0 || side(high, height) > size.1 {
                    return Err(ImageError::Corrupt);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes the next chunk of `chunks`, and returns its name and its content. The content of a truncated chunk is shorter.
fn next_chunk<'a>(chunks: &mut &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
    let [a, b, c, d, size_0, size_1, size_2, size_3, rest @ ..] = *chunks else { return None };
    let length = u32::from_le_bytes([*size_0, *size_1, *size_2, *size_3]) as usize;
    *chunks = rest.get(length + length % 2..).unwrap_or_default();
    Some(([*a, *b, *c, *d], rest.get(..length).unwrap_or(rest)))
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
    let decoder = open(bytes, guard)?;
    if decoder.is_animated() {
        let mut frames = Animation::new(bytes, decoder, guard)?;
        let (frame, _) = frames.next_frame()?.ok_or_else(|| guard.cause(ImageError::Corrupt))?;
        return Ok(StillImage::new(frame, frames.lossless()));
    }
    decode_still(decoder, guard)
}

fn decode_still(mut decoder: WebPDecoder<Input<'_>>, guard: &Guard) -> Result<StillImage, ImageError> {
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
    decoder.read_image(&mut pixels.data).map_err(|_| guard.cause(ImageError::Corrupt))?;
    if let Some(conversion) = conversion(&mut decoder, channels) {
        conversion.apply(&mut pixels, guard)?;
    }
    guard.check()?;
    Ok(StillImage::new(orientation.apply(pixels), lossless))
}

/// A decoded animation. The frames are decoded as still images and drawn here: the decoder does not dispose of them.
pub struct Animation<'a> {
    /// The chunks from the next frame on.
    chunks: &'a [u8],
    guard: &'a Guard,
    conversion: Option<Conversion>,
    canvas: Pixels,
    count: usize,
    plays: u16,
    lossless: bool,
    /// The area that is cleared before the next frame.
    disposal: Option<Area>,
}

impl<'a> Animation<'a> {
    /// Opens an animation. `None` for a still image.
    pub fn open(bytes: &'a [u8], guard: &'a Guard) -> Result<Option<Self>, ImageError> {
        let decoder = open(bytes, guard)?;
        if decoder.is_animated() { Animation::new(bytes, decoder, guard).map(Some) } else { Ok(None) }
    }

    fn new(
        bytes: &'a [u8],
        mut decoder: WebPDecoder<Input<'a>>,
        guard: &'a Guard,
    ) -> Result<Self, ImageError> {
        let (width, height) = decoder.dimensions();
        let end = (declared_size(bytes) + 8).min(bytes.len());
        let chunks = bytes.get(12..end).unwrap_or_default();
        let mut rest = chunks;
        let count = std::iter::from_fn(|| next_frame_chunk(&mut rest)).count();
        animation::check(width, height, count, guard)?;
        let plays = match decoder.loop_count() {
            LoopCount::Forever => 0,
            LoopCount::Times(times) => times.get(),
        };
        let (conversion, lossless) = (conversion(&mut decoder, 4), !decoder.is_lossy());
        let canvas = Pixels::new(width, height, 4);
        Ok(Animation { chunks, guard, conversion, canvas, count, plays, lossless, disposal: None })
    }
}

/// Returns the content of the next frame.
fn next_frame_chunk<'a>(chunks: &mut &'a [u8]) -> Option<&'a [u8]> {
    std::iter::from_fn(|| next_chunk(chunks)).find_map(|(name, content)| (name == FRAME).then_some(content))
}

impl Frames for Animation<'_> {
    fn size(&self) -> (u32, u32) {
        (self.canvas.width, self.canvas.height)
    }
    fn count(&self) -> usize {
        self.count
    }
    fn plays(&self) -> u16 {
        self.plays
    }
    fn lossless(&self) -> bool {
        self.lossless
    }

    fn next_frame(&mut self) -> Result<Option<(Pixels, u32)>, ImageError> {
        let Some(content) = next_frame_chunk(&mut self.chunks) else { return Ok(None) };
        if let Some(area) = self.disposal.take() {
            let empty = Pixels::new(area.width, area.height, 4);
            self.canvas.draw(&empty, area.left, area.top, |_, new| new);
        }
        let (header, chunks) = content.split_at_checked(FRAME_HEADER).ok_or(ImageError::Corrupt)?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        let area =
            Area { left: 2 * number(0), top: 2 * number(3), width: number(6) + 1, height: number(9) + 1 };
        let (milliseconds, flags) = (number(12), header[15]);
        if !area.is_inside(&self.canvas) {
            return Err(ImageError::Corrupt);
        }
        let file = still_file((area.width, area.height), chunks).ok_or(ImageError::Corrupt)?;
        let mut part = decode_still(open(&file, self.guard)?, self.guard)?.pixels.with_alpha();
        if let Some(conversion) = &self.conversion {
            conversion.apply(&mut part, self.guard)?;
        }
        let mix = if flags & NO_BLENDING == 0 { animation::blend } else { |_, new| new };
        self.canvas.draw(&part, area.left, area.top, mix);
        self.disposal = (flags & DISPOSE != 0).then_some(area);
        Ok(Some((self.canvas.clone(), milliseconds)))
    }
}

/// Returns the image of a frame as a file.
fn still_file(size: (u32, u32), chunks: &[u8]) -> Option<Vec<u8>> {
    let mut file = extended_header(size, 0);
    let image = file.len();
    push_image_chunks(&mut file, chunks)?;
    if matches!(file.get(image..image + 4)?, b"ALPH" | b"VP8L") {
        file[FLAGS] = ALPHA;
    }
    set_size(&mut file);
    Some(file)
}

/// Returns the start of a file in the extended format.
fn extended_header((width, height): (u32, u32), flags: u8) -> Vec<u8> {
    let mut header = b"RIFF\0\0\0\0WEBP".to_vec();
    let size = [&(width - 1).to_le_bytes()[..3], &(height - 1).to_le_bytes()[..3]].concat();
    push_chunk(&mut header, b"VP8X", &[&[flags, 0, 0, 0], &size[..]].concat());
    header
}

/// Encodes an animation.
pub struct Writer<'o, 'a> {
    output: &'o mut Output<'a>,
    guard: &'a Guard,
    lossless: bool,
    method: i32,
    previous: Option<Pixels>,
}

/// Offset and values of the flags in the extended header.
const FLAGS: usize = 20;
const ANIMATED: u8 = 0b10;
const ALPHA: u8 = 0b1_0000;

/// Bytes of the numbers and flags of a frame, which precede its image.
const FRAME_HEADER: usize = 16;

/// Flags of a frame.
const NO_BLENDING: u8 = 0b10;
const DISPOSE: u8 = 0b1;

/// Flags of a frame: no blending, no disposal.
const REPLACE: u8 = NO_BLENDING;

const MAX_MILLISECONDS: u32 = (1 << 24) - 1;

impl<'o, 'a> Writer<'o, 'a> {
    /// `area` is the number of pixels of all frames.
    pub fn new(
        output: &'o mut Output<'a>,
        size: (u32, u32),
        area: u64,
        plays: u16,
        lossless: bool,
        guard: &'a Guard,
    ) -> Result<Self, ImageError> {
        let mut writer = Writer { output, guard, lossless, method: method(area), previous: None };
        let mut header = extended_header(size, ANIMATED | ALPHA);
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
        still
            .get(12..)
            .and_then(|chunks| push_image_chunks(&mut content, chunks))
            .ok_or(ImageError::Corrupt)?;
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

/// Appends the chunks that contain pixels. `None` if one of them is truncated.
fn push_image_chunks(to: &mut Vec<u8>, mut chunks: &[u8]) -> Option<()> {
    while chunks.len() >= 8 {
        let length = declared_size(chunks);
        let (name, content) = next_chunk(&mut chunks)?;
        if matches!(&name, b"ALPH" | b"VP8 " | b"VP8L") {
            push_chunk(to, &name, (content.len() == length).then_some(content)?);
        }
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

/// Returns the method of libwebp for a number of pixels. It cannot be canceled, so large images get a faster method
/// that finishes within the timeout.
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
