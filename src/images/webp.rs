//! WebP: still images only. Lossy images are encoded by libwebp, lossless ones by `image-webp`.
use std::io::Write;

use image_webp::{ColorType, DecodingError, WebPDecoder, WebPEncoder};
use webp::{Encoder, WebPConfig};

use super::{
    ImageError, StillImage,
    guard::{Guard, check_dimensions},
    orientation::Orientation,
    pixels::Pixels,
    profile,
};

const QUALITY: f32 = 82.0;

/// Maximum size of EXIF data and of a color profile, in bytes. Larger ones are ignored.
const MAX_METADATA: usize = 256 << 10;

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let declared_size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    // The decoder accepts truncated files. Only a missing padding byte is allowed.
    if u64::from(declared_size) + 8 > bytes.len() as u64 + 1 {
        return Err(ImageError::Corrupt);
    }
    let mut decoder = WebPDecoder::new(guard.input(bytes)).map_err(failed)?;
    if decoder.is_animated() {
        return Err(ImageError::Animated);
    }
    decoder.set_memory_limit(MAX_METADATA);
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
    check_dimensions(width, height, bytes_per_pixel)?;
    let channels = if transparent { 4 } else { 3 };
    let mut pixels = Pixels::new(width, height, channels);
    decoder.read_image(&mut pixels.data).map_err(failed)?;
    profile::to_srgb(&mut pixels, decoder.icc_profile().unwrap_or_default().as_deref(), guard)?;
    guard.check()?;
    Ok(StillImage { pixels: orientation.apply(pixels), lossless })
}

pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let pixels = pixels.into_rgb();
    let mut config = WebPConfig::new().map_err(|()| ImageError::Corrupt)?;
    config.quality = QUALITY;
    // libwebp cannot be canceled, so large images get a faster method that finishes within the timeout.
    config.method = match u64::from(pixels.width) * u64::from(pixels.height) {
        ..=4_000_000 => 4,
        4_000_001..=12_000_000 => 2,
        _ => 0,
    };
    let encoder = if pixels.has_alpha() {
        Encoder::from_rgba(&pixels.data, pixels.width, pixels.height)
    } else {
        Encoder::from_rgb(&pixels.data, pixels.width, pixels.height)
    };
    let bytes = encoder.encode_advanced(&config).map_err(|_| ImageError::Corrupt)?;
    guard.check()?;
    let mut output = guard.output();
    output.write_all(&bytes).map_err(|_| guard.cause(ImageError::Corrupt))?;
    Ok(output.bytes)
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
