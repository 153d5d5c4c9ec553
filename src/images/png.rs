//! PNG: decoded row by row, and encoded with a palette if the image has at most 256 colors.
use png::{
    BitDepth, ColorType, Compression, Decoder, DecodingError, DeflateCompression, Encoder, Filter, Limits,
    Transformations,
};

use super::{
    ImageError, StillImage,
    guard::{Guard, check_dimensions},
    orientation::Orientation,
    palette::Palette,
    pixels::Pixels,
    profile,
};

/// Memory limit of the decoder beside the pixels, in bytes: a few rows and the color profile.
const MAX_DECODER_MEMORY: usize = 4 << 20;

pub fn decode(bytes: &[u8], guard: &Guard) -> Result<StillImage, ImageError> {
    let failed = |_: DecodingError| guard.cause(ImageError::Corrupt);
    let mut decoder = Decoder::new_with_limits(guard.input(bytes), Limits { bytes: MAX_DECODER_MEMORY });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_text_chunk(true);
    let header = decoder.read_header_info().map_err(failed)?;
    let (width, height) = (header.width, header.height);
    check_dimensions(width, height, 10)?;
    let mut reader = decoder.read_info().map_err(failed)?;
    if reader.info().animation_control.is_some_and(|animation| animation.num_frames > 1) {
        return Err(ImageError::Animated);
    }
    let channels = reader.output_color_type().0.samples();
    let orientation =
        reader.info().exif_metadata.as_deref().map_or(Orientation::UPRIGHT, Orientation::from_exif);
    // Encoding with a palette needs one more byte per pixel.
    let bytes_per_pixel = if orientation.swaps_sides() { channels * 20 } else { channels * 10 + 10 };
    check_dimensions(width, height, bytes_per_pixel as u64)?;
    let mut pixels = Pixels::new(width, height, channels);
    if reader.output_buffer_size() != Some(pixels.data.len()) {
        return Err(ImageError::Corrupt);
    }
    reader.next_frame(&mut pixels.data).map_err(failed)?;
    profile::to_srgb(&mut pixels, reader.info().icc_profile.as_deref(), guard)?;
    drop(reader);
    guard.check()?;
    Ok(StillImage { pixels: orientation.apply(pixels), lossless: true })
}

pub fn encode(pixels: &Pixels, guard: &Guard) -> Result<Vec<u8>, ImageError> {
    let palette = match pixels.channels {
        1 => None,
        _ => Palette::from_pixels(pixels.rgba()),
    };
    guard.check()?;
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, pixels.width, pixels.height);
    set_compression(&mut encoder, pixels);
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
fn set_compression<W: std::io::Write>(encoder: &mut Encoder<'_, W>, pixels: &Pixels) {
    if pixels.data.len() > 16 << 20 {
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
