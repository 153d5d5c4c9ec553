//! JPEG: the segments are parsed before decoding, for the orientation and for limits that the decoder lacks.
mod segments;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use self::segments::Segments;
use super::{
    ImageError, StillImage,
    guard::{Guard, check_dimensions},
    limits,
    pixels::Pixels,
    profile,
};

const QUALITY: u8 = 85;

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let segments = Segments::read(bytes)?;
    let (width, height) = (segments.width, segments.height);
    let channels = if segments.components.len() == 1 { 1 } else { 3 };
    let orientation = segments.orientation;
    // Peak memory: the pixels with the coefficients while decoding, then the pixels with a transposed copy.
    let copies = if orientation.swaps_sides() { 2 } else { 1 };
    let bytes_per_pixel = (channels * 10 + segments.coefficients()).max(channels * 10 * copies);
    check_dimensions(width, height, bytes_per_pixel)?;
    let color_space = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::new_safe()
        .set_max_width(limits::MAX_SIDE as usize)
        .set_max_height(limits::MAX_SIDE as usize)
        .jpeg_set_max_scans(segments::MAX_SCANS)
        .jpeg_set_out_colorspace(color_space);
    let mut decoder = JpegDecoder::new_with_options(guard.input(bytes), options);
    decoder.decode_headers().map_err(|_| guard.cause(ImageError::Corrupt))?;
    let mut pixels = Pixels::new(width, height, channels as usize);
    if decoder.output_buffer_size() != Some(pixels.data.len()) {
        return Err(ImageError::Corrupt);
    }
    decoder.decode_into(&mut pixels.data).map_err(|_| guard.cause(ImageError::Corrupt))?;
    let icc = decoder.icc_profile();
    drop(decoder);
    profile::to_srgb(&mut pixels, icc.as_deref(), guard)?;
    guard.check()?;
    Ok(StillImage { pixels: orientation.apply(pixels), lossless: false })
}

pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let pixels = pixels.flatten_on_white();
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height)) else {
        return Err(ImageError::TooManyPixels);
    };
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    // Progressive files are smaller and render earlier, but encoding them needs additional memory and time. Large
    // images are therefore encoded as baseline.
    let progressive = pixels.data.len() <= 24_000_000;
    encoder.set_progressive(progressive);
    encoder.set_optimized_huffman_tables(progressive);
    let color_space = if pixels.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(&pixels.data, width, height, color_space).map_err(|_| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
}
