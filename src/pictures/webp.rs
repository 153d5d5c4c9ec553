//! WebP: still ones only. What lost something is written by libwebp, what lost nothing without it.
use std::io::Write;

use image_webp::{ColorType, DecodingError, WebPDecoder, WebPEncoder};
use webp::{Encoder, WebPConfig};

use super::{
    Refused, Still,
    guard::{Guard, afford},
    orientation::Orientation,
    pixels::Pixels,
    profile,
};

const QUALITY: f32 = 82.0;

/// A description longer than this is not read, nor a profile.
const BESIDE: usize = 256 << 10;

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<Still, Refused> {
    let failed = |_: DecodingError| guard.blame(Refused::Broken);
    let said = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
    // The decoder takes what is there; a file without its padding is whole.
    if u64::from(said) + 8 > bytes.len() as u64 + 1 {
        return Err(Refused::Broken);
    }
    let mut decoder = WebPDecoder::new(guard.input(bytes)).map_err(failed)?;
    if decoder.is_animated() {
        return Err(Refused::Animated);
    }
    decoder.set_memory_limit(BESIDE);
    let (width, height) = decoder.dimensions();
    let (lossless, transparent) = (!decoder.is_lossy(), decoder.has_alpha());
    let exif = decoder.exif_metadata().unwrap_or_default();
    let orientation = exif.as_deref().map_or(Orientation::UPRIGHT, Orientation::from_exif);
    // What the decoder takes beside the pixels: the planes of light and colour, the plane of alpha as it
    // is coded, or all pixels with an alpha that is then dropped; or what writing takes.
    let each = match (lossless, transparent) {
        (true, _) => 85,
        (false, true) => 105,
        (false, false) if orientation.turns() => 60,
        (false, false) => 50,
    };
    afford(width, height, each)?;
    let channels = if transparent { 4 } else { 3 };
    let mut pixels = Pixels::new(width, height, channels);
    decoder.read_image(&mut pixels.data).map_err(failed)?;
    profile::to_srgb(&mut pixels, decoder.icc_profile().unwrap_or_default().as_deref(), guard)?;
    guard.check()?;
    Ok(Still { pixels: orientation.apply(pixels), lossless })
}

pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, Refused> {
    let pixels = pixels.coloured();
    let mut config = WebPConfig::new().map_err(|()| Refused::Broken)?;
    config.quality = QUALITY;
    // libwebp cannot be stopped: it gets no more work than fits in the time.
    config.method = match u64::from(pixels.width) * u64::from(pixels.height) {
        ..=4_000_000 => 4,
        4_000_001..=12_000_000 => 2,
        _ => 0,
    };
    let encoder = if pixels.transparent() {
        Encoder::from_rgba(&pixels.data, pixels.width, pixels.height)
    } else {
        Encoder::from_rgb(&pixels.data, pixels.width, pixels.height)
    };
    let bytes = encoder.encode_advanced(&config).map_err(|_| Refused::Broken)?;
    guard.check()?;
    let mut output = guard.output();
    output.write_all(&bytes).map_err(|_| guard.blame(Refused::Broken))?;
    Ok(output.bytes)
}

pub fn encode_lossless(pixels: &Pixels, guard: &Guard) -> Result<Vec<u8>, Refused> {
    let colour = match pixels.channels {
        1 => ColorType::L8,
        2 => ColorType::La8,
        3 => ColorType::Rgb8,
        _ => ColorType::Rgba8,
    };
    let mut output = guard.output();
    WebPEncoder::new(&mut output)
        .encode(&pixels.data, pixels.width, pixels.height, colour)
        .map_err(|_| guard.blame(Refused::Broken))?;
    Ok(output.bytes)
}
