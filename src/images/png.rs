//! PNG: decoded row by row, and encoded with a palette if the image has at most 256 colors. Animations (APNG) are
//! encoded as animations.
use png::{
    BitDepth, BlendOp, ColorType, Compression, Decoder, DecodingError, DeflateCompression, DisposeOp,
    Encoder, EncodingError, Filter, Info, Limits, Reader, Transformations,
};

use super::{
    ImageError, StillImage,
    animation::{self, Area, FrameSink, Frames},
    guard::{Guard, Input, Output},
    orientation::Orientation,
    palette::Palette,
    pixels::Pixels,
    profile::{Conversion, MAX_PROFILE, Profile},
};

/// Memory limit of the decoder beside the pixels, in bytes: a few rows and the color profile.
const MAX_DECODER_MEMORY: usize = 2 * MAX_PROFILE;

fn open<'a>(
    bytes: &'a [u8],
    transformations: Transformations,
    guard: &'a Guard,
) -> Result<Reader<Input<'a>>, ImageError> {
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let mut decoder = Decoder::new_with_limits(guard.input(bytes), Limits { bytes: MAX_DECODER_MEMORY });
    decoder.set_transformations(transformations);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().map_err(failed)?;
    guard.check_dimensions(header.width, header.height, 10)?;
    decoder.read_info().map_err(failed)
}

/// Returns the color space. Chunks take precedence in this order: `cICP`, `iCCP`, `sRGB`, `gAMA` and `cHRM` (PNG, third
/// edition, section 4.3).
fn profile(info: &Info<'_>) -> Option<Profile> {
    let gray = matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    if let Some(cicp) = &info.coding_independent_code_points
        && cicp.is_video_full_range_image
        && let Some(profile) = Profile::from_cicp(cicp.color_primaries, cicp.transfer_function, gray)
    {
        return Some(profile);
    }
    if let Some(profile) = &info.icc_profile {
        return Profile::from_icc(profile);
    }
    if info.srgb.is_some() {
        return None;
    }
    let chromaticities = info.chrm_chunk.map(|chunk| {
        let [white, red, green, blue] = [chunk.white, chunk.red, chunk.green, chunk.blue];
        [white.0, white.1, red.0, red.1, green.0, green.1, blue.0, blue.1].map(|value| value.into_scaled())
    });
    Profile::from_gamma(info.gama_chunk.map(|gamma| gamma.into_scaled()), chromaticities, gray)
}

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let mut reader = open(bytes, Transformations::EXPAND | Transformations::STRIP_16, guard)?;
    let (width, height) = (reader.info().width, reader.info().height);
    let channels = reader.output_color_type().0.samples();
    let orientation =
        reader.info().exif_metadata.as_deref().map_or(Orientation::UPRIGHT, Orientation::from_exif);
    // Encoding with a palette needs one more byte per pixel.
    let bytes_per_pixel = if orientation.swaps_sides() { channels * 20 } else { channels * 10 + 10 };
    guard.check_dimensions(width, height, bytes_per_pixel as u64)?;
    let mut pixels = Pixels::new(width, height, channels);
    let profile = profile(reader.info());
    let deep = (reader.info().bit_depth == BitDepth::Sixteen).then(|| {
        profile.as_ref().filter(|profile| profile.conversion(channels).is_some())?.conversion_16bit(channels)
    });
    if let Some(Some(conversion)) = deep {
        // Colors are converted before they lose bits: the dark colors of a linear color space have few values of eight bits.
        guard.check_dimensions(width, height, bytes_per_pixel.max(channels * 30) as u64)?;
        let mut reader = open(bytes, Transformations::EXPAND, guard)?;
        let mut samples = vec![0; 2 * pixels.data.len()];
        if reader.output_buffer_size() != Some(samples.len()) {
            return Err(ImageError::Corrupt);
        }
        reader.next_frame(&mut samples).map_err(failed)?;
        conversion.apply(&samples, &mut pixels, guard)?;
    } else {
        if reader.output_buffer_size() != Some(pixels.data.len()) {
            return Err(ImageError::Corrupt);
        }
        reader.next_frame(&mut pixels.data).map_err(failed)?;
        if let Some(conversion) = profile.and_then(|profile| profile.conversion(channels)) {
            conversion.apply(&mut pixels, guard)?;
        }
    }
    drop(reader);
    guard.check()?;
    Ok(StillImage::new(orientation.apply(pixels), true))
}

/// A decoded APNG.
pub struct Animation<'a> {
    reader: Reader<Input<'a>>,
    guard: &'a Guard,
    conversion: Option<Conversion>,
    canvas: Pixels,
    count: usize,
    plays: u16,
    next: usize,
    /// The part of the canvas that the last frame leaves to be restored.
    disposal: Option<(Area, Pixels)>,
}

impl<'a> Animation<'a> {
    /// Opens an animation of at least two frames. `None` for a still image.
    pub fn open(bytes: &'a [u8], guard: &'a Guard) -> Result<Option<Self>, ImageError> {
        let transformations = Transformations::EXPAND | Transformations::STRIP_16 | Transformations::ALPHA;
        let reader = open(bytes, transformations, guard)?;
        let info = reader.info();
        let Some(control) = info.animation_control.filter(|control| control.num_frames > 1) else {
            return Ok(None);
        };
        let count = control.num_frames.try_into().unwrap_or(usize::MAX);
        animation::check(info.width, info.height, count, guard)?;
        let canvas = Pixels::new(info.width, info.height, 4);
        let channels = reader.output_color_type().0.samples();
        let conversion = profile(info).and_then(|profile| profile.conversion(channels));
        let plays = control.num_plays.try_into().unwrap_or(u16::MAX);
        Ok(Some(Animation { reader, guard, conversion, canvas, count, plays, next: 0, disposal: None }))
    }

    /// Decodes the next frame as RGBA, with its place on the canvas.
    fn decode_part(&mut self) -> Result<(Pixels, Area), ImageError> {
        let failed = |_: DecodingError| self.guard.cause(ImageError::Corrupt);
        let size = self.reader.output_buffer_size().ok_or(ImageError::Corrupt)?;
        let mut data = vec![0; size];
        let output = self.reader.next_frame(&mut data).map_err(failed)?;
        let channels = output.color_type.samples();
        data.truncate(output.buffer_size());
        let mut part = Pixels { width: output.width, height: output.height, channels, data };
        if let Some(conversion) = &self.conversion {
            conversion.apply(&mut part, self.guard)?;
        }
        let control = self.reader.info().frame_control;
        let (left, top) = control.map_or((0, 0), |control| (control.x_offset, control.y_offset));
        let area = Area { left, top, width: part.width, height: part.height };
        if !area.is_inside(&self.canvas) {
            return Err(ImageError::Corrupt);
        }
        Ok((part.into_rgb().with_alpha(), area))
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
        self.plays
    }
    fn lossless(&self) -> bool {
        true
    }

    fn next_frame(&mut self) -> Result<Option<(Pixels, u32)>, ImageError> {
        if self.next == self.count {
            return Ok(None);
        }
        if self.next == 0 && self.reader.info().frame_control.is_none() {
            // The default image is not a part of the animation.
            self.decode_part()?;
        }
        if let Some((area, restored)) = self.disposal.take() {
            self.canvas.draw(&restored, area.left, area.top, |_, new| new);
        }
        let (part, area) = self.decode_part()?;
        let control = self.reader.info().frame_control.ok_or(ImageError::Corrupt)?;
        // The first frame restores the empty canvas.
        let disposal = match control.dispose_op {
            DisposeOp::None => None,
            DisposeOp::Previous => Some((area, animation::cut(&self.canvas, area))),
            DisposeOp::Background => Some((area, Pixels::new(area.width, area.height, 4))),
        };
        match control.blend_op {
            BlendOp::Source => self.canvas.draw(&part, area.left, area.top, |_, new| new),
            BlendOp::Over => self.canvas.draw(&part, area.left, area.top, animation::blend),
        }
        self.disposal = disposal;
        self.next += 1;
        let denominator = if control.delay_den == 0 { 100 } else { u32::from(control.delay_den) };
        let milliseconds = u32::from(control.delay_num) * 1000 / denominator;
        Ok(Some((self.canvas.clone(), milliseconds)))
    }
}

/// Encodes an APNG.
pub struct Writer<'o, 'a> {
    writer: png::Writer<&'o mut Output<'a>>,
    guard: &'a Guard,
    previous: Option<Pixels>,
}

impl<'o, 'a> Writer<'o, 'a> {
    pub fn new(
        output: &'o mut Output<'a>,
        (width, height): (u32, u32),
        count: usize,
        plays: u16,
        guard: &'a Guard,
    ) -> Result<Self, ImageError> {
        let failed = |_: EncodingError| guard.cause(ImageError::Corrupt);
        let mut encoder = Encoder::new(output, width, height);
        encoder.set_color(ColorType::Rgba);
        encoder.set_depth(BitDepth::Eight);
        set_compression(&mut encoder, width as usize * height as usize * count * 4);
        encoder.set_animated(count as u32, plays.into()).map_err(failed)?;
        Ok(Writer { writer: encoder.write_header().map_err(failed)?, guard, previous: None })
    }

    fn write_part(&mut self, frame: &Pixels, milliseconds: u32) -> Result<(), EncodingError> {
        let area = animation::changed_area(self.previous.as_ref(), frame);
        let writer = &mut self.writer;
        writer.reset_frame_position()?;
        writer.reset_frame_dimension()?;
        writer.set_frame_dimension(area.width, area.height)?;
        writer.set_frame_position(area.left, area.top)?;
        writer.set_frame_delay(u16::try_from(milliseconds).unwrap_or(u16::MAX), 1000)?;
        writer.set_blend_op(BlendOp::Source)?;
        writer.set_dispose_op(DisposeOp::None)?;
        writer.write_image_data(&animation::cut(frame, area).data)
    }
}

impl FrameSink for Writer<'_, '_> {
    fn write(&mut self, frame: Pixels, milliseconds: u32) -> Result<(), ImageError> {
        self.write_part(&frame, milliseconds).map_err(|_| self.guard.cause(ImageError::Corrupt))?;
        self.previous = Some(frame);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ImageError> {
        let Writer { writer, guard, .. } = *self;
        writer.finish().map_err(|_| guard.cause(ImageError::Corrupt))
    }
}

pub fn encode(pixels: &Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let palette = match pixels.channels {
        1 => None,
        _ => Palette::from_pixels(pixels.rgba()),
    };
    guard.check()?;
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, pixels.width, pixels.height);
    set_compression(&mut encoder, pixels.data.len());
    let data = match &palette {
        Some(palette) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_filter(Filter::NoFilter);
            encoder.set_palette(palette.rgb());
            let alphas = palette.alphas();
            if !alphas.is_empty() {
                encoder.set_trns(alphas);
            }
            &palette.indices
        }
        None => {
            encoder.set_color(match pixels.channels {
                1 => ColorType::Grayscale,
                2 => ColorType::GrayscaleAlpha,
                3 => ColorType::Rgb,
                _ => ColorType::Rgba,
            });
            &pixels.data
        }
    };
    encoder.set_depth(BitDepth::Eight);
    let row = data.len() / pixels.height as usize;
    write_rows(encoder, data, row, guard).map_err(|()| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
}

/// Selects the strongest compression that finishes within the timeout.
fn set_compression<W: std::io::Write>(encoder: &mut Encoder<'_, W>, bytes: usize) {
    if bytes > 16 << 20 {
        encoder.set_compression(Compression::Fast);
    } else {
        encoder.set_deflate_compression(DeflateCompression::Level(6));
        encoder.set_filter(Filter::Adaptive);
    }
}

fn write_rows<W: std::io::Write>(
    encoder: Encoder<'_, W>,
    data: &[u8],
    row: usize,
    guard: &Guard,
) -> Result<(), ()> {
    let mut writer = encoder.write_header().map_err(drop)?;
    let mut stream = writer.stream_writer().map_err(drop)?;
    for line in data.chunks_exact(row) {
        guard.check().map_err(drop)?;
        std::io::Write::write_all(&mut stream, line).map_err(drop)?;
    }
    stream.finish().map_err(drop)?;
    writer.finish().map_err(drop)
}
