//! JPEG: a valid file is stored with its scans unchanged. It is re-encoded only to apply an orientation or a color profile.
mod clean;
mod huffman;
mod scan;
mod segments;

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{colorspace::ColorSpace, options::DecoderOptions},
};

use self::segments::Segments;
use super::{
    Format, ImageError, SanitizedImage, StillImage, blur, encode as encode_still,
    guard::Guard,
    limits,
    orientation::Orientation,
    pixels::Pixels,
    profile::{self, Profile},
};

/// The quality of an encoded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// In the scale of libjpeg, 1 to 100.
    pub value: u8,
    /// Whether each pixel has a color of its own (4:4:4). Otherwise, four pixels share one (4:2:0).
    pub full_color: bool,
}

impl Quality {
    /// The quality of variants.
    pub const VARIANT: Quality = Quality { value: 85, full_color: false };

    /// Returns the quality of a re-encoded original: that of the upload, from 50 to 95.
    fn of_upload(value: u8, segments: &Segments) -> Quality {
        let (horizontal, vertical) = segments.frame.max_factors();
        Quality { value: value.clamp(50, 95), full_color: horizontal < 2 || vertical < 2 }
    }
}

/// Decodes a stored file.
pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let segments = Segments::read(bytes, guard)?;
    check_dimensions(&segments, guard)?;
    let (pixels, _) = decode_pixels(bytes, &segments, guard)?;
    Ok(StillImage::new(segments.orientation.apply(pixels), false))
}

/// Verifies an uploaded file, and copies it without metadata.
pub fn sanitize(bytes: &[u8], guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let segments = Segments::read(bytes, guard)?;
    check_dimensions(&segments, guard)?;
    let clean = clean::copy(bytes, &segments, guard)?;
    let (pixels, converted) = decode_pixels(&clean.bytes, &segments, guard)?;
    let (width, height) = (pixels.width, pixels.height);
    if converted || segments.orientation != Orientation::UPRIGHT {
        let quality = Quality::of_upload(clean.quality, &segments);
        drop(clean.bytes);
        let pixels = segments.orientation.apply(pixels);
        return encode_still(Format::Jpeg, StillImage { pixels, lossless: false, quality }, guard);
    }
    let (blurhash, dominant_color) = blur::placeholders(&pixels)?;
    guard.check()?;
    Ok(SanitizedImage { format: Format::Jpeg, width, height, blurhash, dominant_color, bytes: clean.bytes })
}

fn check_dimensions(segments: &Segments, guard: &Guard) -> Result<(), ImageError> {
    let frame = &segments.frame;
    let channels = frame.components.len() as u64;
    // Peak memory: the pixels with the coefficients while decoding, then the pixels with a transposed copy. CMYK pixels are
    // converted to RGB first.
    let copies = if segments.orientation.swaps_sides() { 2 } else { 1 };
    let bytes_per_pixel = (channels * 10 + frame.coefficients()).max(channels.min(3) * 10 * copies);
    guard.check_dimensions(frame.width, frame.height, bytes_per_pixel)
}

/// Decodes the pixels in sRGB, and returns whether their colors were converted.
fn decode_pixels(bytes: &[u8], segments: &Segments, guard: &Guard) -> Result<(Pixels, bool), ImageError> {
    let frame = &segments.frame;
    let channels = frame.components.len();
    let color_space = match (channels, segments.adobe_transform) {
        (1, _) => ColorSpace::Luma,
        (3, _) => ColorSpace::RGB,
        (_, Some(2)) => ColorSpace::YCCK,
        _ => ColorSpace::CMYK,
    };
    let options = DecoderOptions::new_safe()
        .set_max_width(limits::MAX_SIDE as usize)
        .set_max_height(limits::MAX_SIDE as usize)
        .jpeg_set_max_scans(segments::MAX_SCANS)
        .jpeg_set_out_colorspace(color_space);
    let mut decoder = JpegDecoder::new_with_options(guard.input(bytes), options);
    decoder.decode_headers().map_err(|_| guard.cause(ImageError::Corrupt))?;
    let mut pixels = Pixels::new(frame.width, frame.height, channels);
    if decoder.output_buffer_size() != Some(pixels.data.len()) {
        return Err(ImageError::Corrupt);
    }
    decoder.decode_into(&mut pixels.data).map_err(|_| guard.cause(ImageError::Corrupt))?;
    drop(decoder);
    guard.check()?;
    let profile = Profile::from_icc(&segments.profile);
    if channels == 4 {
        if color_space == ColorSpace::YCCK {
            pixels.data.chunks_exact_mut(4).for_each(ycck_to_cmyk);
        }
        return Ok((profile::cmyk_to_rgb(pixels, profile.as_ref(), guard)?, true));
    }
    let conversion = profile.and_then(|profile| profile.conversion(channels));
    if let Some(conversion) = &conversion {
        conversion.apply(&mut pixels, guard)?;
    }
    guard.check()?;
    Ok((pixels, conversion.is_some()))
}

/// Converts Y, Cb and Cr to the complement of red, green and blue: the inks as JPEG stores them.
fn ycck_to_cmyk(pixel: &mut [u8]) {
    let (luma, blue, red) = (i32::from(pixel[0]), i32::from(pixel[1]) - 128, i32::from(pixel[2]) - 128);
    // The factors of JFIF in 1/65,536.
    let channels = [91_881 * red, -22_554 * blue - 46_802 * red, 116_130 * blue];
    for (value, offset) in pixel.iter_mut().zip(channels) {
        *value = (255 - (luma + ((offset + 0x8000) >> 16))).clamp(0, 255) as u8;
    }
}

pub fn encode(pixels: Pixels, quality: Quality, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let pixels = pixels.flatten_on_white();
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height)) else {
        return Err(ImageError::TooManyPixels);
    };
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, quality.value);
    let sampling = if quality.full_color { SamplingFactor::R_4_4_4 } else { SamplingFactor::R_4_2_0 };
    encoder.set_sampling_factor(sampling);
    // The other method takes the color of one pixel of four: a red line becomes gray.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    // Progressive files are smaller and render earlier, but encoding them needs additional memory and time. Large
    // images are therefore encoded as baseline.
    let progressive = pixels.data.len() <= 24_000_000;
    if progressive {
        // The first coefficients, then all others: each further scan costs 2 to 4 % of the size.
        encoder.set_progressive_scans(2);
    }
    encoder.set_optimized_huffman_tables(progressive);
    let color_space = if pixels.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(&pixels.data, width, height, color_space).map_err(|_| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
}
