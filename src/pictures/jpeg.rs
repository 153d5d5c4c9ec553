//! JPEG: its segments are walked before it is decoded, for what the decoder does not tell or bound.
mod segments;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use self::segments::Segments;
use super::{
    Refused, Still,
    guard::{Guard, afford},
    limits,
    pixels::Pixels,
    profile,
};

const QUALITY: u8 = 85;

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<Still, Refused> {
    let segments = Segments::read(bytes)?;
    let (width, height) = (segments.width, segments.height);
    let channels = if segments.components.len() == 1 { 1 } else { 3 };
    let orientation = segments.orientation;
    let copies = if orientation.turns() { 2 } else { 1 };
    let each = (channels * 10 + segments.coefficients()).max(channels * 10 * copies);
    afford(width, height, each)?;
    let colours = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::new_safe()
        .set_max_width(limits::SIDE as usize)
        .set_max_height(limits::SIDE as usize)
        .jpeg_set_max_scans(segments::SCANS)
        .jpeg_set_out_colorspace(colours);
    let mut decoder = JpegDecoder::new_with_options(guard.input(bytes), options);
    decoder.decode_headers().map_err(|_| guard.blame(Refused::Broken))?;
    let mut pixels = Pixels::new(width, height, channels as usize);
    if decoder.output_buffer_size() != Some(pixels.data.len()) {
        return Err(Refused::Broken);
    }
    decoder.decode_into(&mut pixels.data).map_err(|_| guard.blame(Refused::Broken))?;
    let icc = decoder.icc_profile();
    drop(decoder);
    profile::to_srgb(&mut pixels, icc.as_deref(), guard)?;
    guard.check()?;
    Ok(Still { pixels: orientation.apply(pixels), lossless: false })
}

pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, Refused> {
    let pixels = pixels.opaque();
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height)) else {
        return Err(Refused::TooManyPixels);
    };
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // Smaller and sooner to be seen; costs as much memory as the pixels, and time.
    let progressive = pixels.data.len() <= 24_000_000;
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(progressive);
    let colours = if pixels.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(&pixels.data, width, height, colours).map_err(|_| guard.blame(Refused::Broken))?;
    Ok(output.bytes)
}
