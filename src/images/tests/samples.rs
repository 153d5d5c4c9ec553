//! Sample images for the tests.
use std::io::Write;

use jpeg_encoder::{ColorType, Encoder};

use super::LIMITS;
use crate::images::{Format, guard::Guard, limits, pixels::Pixels, png, webp};

pub const RED: [u8; 3] = [255, 0, 0];
pub const GREEN: [u8; 3] = [0, 255, 0];
pub const BLUE: [u8; 3] = [0, 0, 255];
pub const WHITE: [u8; 3] = [255, 255, 255];

pub fn guard() -> Guard {
    Guard::new(limits::UPLOAD_TIMEOUT, LIMITS)
}

/// Returns an image with a red, green, blue and white quarter, in reading order.
pub fn quarters(width: u32, height: u32) -> Pixels {
    let mut pixels = Pixels::new(width, height, 3);
    for (index, pixel) in pixels.data.chunks_exact_mut(3).enumerate() {
        let (x, y) = (index as u32 % width, index as u32 / width);
        let color = match (y < height / 2, x < width / 2) {
            (true, true) => RED,
            (true, false) => GREEN,
            (false, true) => BLUE,
            (false, false) => WHITE,
        };
        pixel.copy_from_slice(&color);
    }
    pixels
}

/// Returns deterministic noise with many colors.
pub fn noise(width: u32, height: u32, channels: usize) -> Pixels {
    let mut pixels = Pixels::new(width, height, channels);
    let mut random = Random(7);
    pixels.data.fill_with(|| random.next() as u8);
    pixels
}

/// Returns the corners in reading order, each rounded to the nearest primary color.
pub fn corners(pixels: &Pixels) -> [[u8; 3]; 4] {
    let rgba: Vec<[u8; 4]> = pixels.rgba().collect();
    let (right, bottom) = (pixels.width as usize - 3, pixels.height as usize - 3);
    [(2, 2), (right, 2), (2, bottom), (right, bottom)].map(|(x, y)| {
        let color = rgba[y * pixels.width as usize + x];
        [0, 1, 2].map(|channel| if color[channel] > 127 { 255 } else { 0 })
    })
}

/// A deterministic xorshift generator.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, max: usize) -> usize {
        (self.next() % max as u64) as usize
    }
}

pub const GPS_LOCATION: &[u8] = b"52 deg 31' 12.025\" N";

/// Returns EXIF data with an orientation and a GPS location.
pub fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]);
    tiff.extend(orientation.to_be_bytes());
    tiff.extend([0, 0, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0]);
    tiff.extend([0, 1, 0, 2, 0, 2, 0, 0, 0, GPS_LOCATION.len() as u8, 0, 0, 0, 56, 0, 0, 0, 0]);
    tiff.extend(GPS_LOCATION);
    tiff
}

pub fn jpeg(pixels: &Pixels, with: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    with(&mut encoder);
    let rgba = if pixels.channels == 1 { ColorType::Luma } else { ColorType::Rgb };
    encoder.encode(&pixels.data, pixels.width as u16, pixels.height as u16, rgba).unwrap();
    bytes
}

pub fn png(pixels: &Pixels) -> Vec<u8> {
    png::encode(pixels, &guard()).unwrap()
}

/// Inserts a chunk after the PNG header.
pub fn with_chunk(png: &[u8], name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = png[..33].to_vec();
    bytes.extend(chunk(name, data));
    bytes.extend(&png[33..]);
    bytes
}

pub fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut body = name.to_vec();
    body.extend(data);
    let mut sum = flate2::Crc::new();
    sum.update(&body);
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend(body);
    bytes.extend(sum.sum().to_be_bytes());
    bytes
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns `size` zero bytes, compressed.
pub fn deflated(size: usize) -> Vec<u8> {
    zlib(&vec![0; size])
}

/// Returns a GIF with a comment and a loop extension.
pub fn gif(width: u16, height: u16, frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, width, height, &[9, 9, 9, 255, 0, 0, 0, 0, 255]).unwrap();
    encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    encoder.write_raw_extension(gif::AnyExtension(0xFE), &[b"a comment that says where"]).unwrap();
    for frame in 0..frames {
        let pixels = vec![(frame % 3) as u8; usize::from(width) * usize::from(height)];
        let frame = gif::Frame { width, height, delay: 7, buffer: pixels.into(), ..gif::Frame::default() };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    bytes
}

pub fn webp(pixels: &Pixels, lossless: bool) -> Vec<u8> {
    if lossless {
        webp::encode_lossless(pixels, &guard()).unwrap()
    } else {
        webp::encode(pixels.clone(), &guard()).unwrap()
    }
}

/// Converts a simple WebP to the extended format, with additional chunks.
pub fn extended(webp: &[u8], flags: u8, width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBPVP8X\x0A\0\0\0".to_vec();
    body.extend([flags, 0, 0, 0]);
    body.extend(&(width - 1).to_le_bytes()[..3]);
    body.extend(&(height - 1).to_le_bytes()[..3]);
    body.extend(&webp[12..]);
    for (name, data) in chunks {
        body.extend(*name);
        body.extend((data.len() as u32).to_le_bytes());
        body.extend(*data);
        body.resize(body.len() + data.len() % 2, 0);
    }
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// Returns a WebP with a color profile, which precedes the image data.
pub fn profiled(webp: &[u8], width: u32, height: u32, profile: &[u8]) -> Vec<u8> {
    let empty = extended(b"RIFF\0\0\0\0WEBP", 32, width, height, &[(b"ICCP", profile)]);
    let mut bytes = [&empty[..], &webp[12..]].concat();
    let size = (bytes.len() as u32 - 8).to_le_bytes();
    bytes[4..8].copy_from_slice(&size);
    bytes
}

/// Returns samples of each format, with typical metadata.
pub fn all() -> Vec<(Format, Vec<u8>)> {
    let (quarter_pixels, noise_pixels) = (quarters(48, 32), noise(40, 30, 4));
    let baseline = jpeg(&quarter_pixels, |encoder| encoder.add_exif_metadata(&exif(1)).unwrap());
    let progressive = jpeg(&noise(40, 30, 3), |encoder| encoder.set_progressive(true));
    let webp_exif = exif(1);
    let described = extended(&webp(&quarter_pixels, false), 8, 48, 32, &[(b"EXIF", &webp_exif)]);
    vec![
        (Format::Jpeg, baseline),
        (Format::Jpeg, progressive),
        (Format::Jpeg, jpeg(&noise(17, 9, 1), |_| {})),
        (Format::Png, with_chunk(&png(&quarter_pixels), b"eXIf", &exif(1))),
        (Format::Png, png(&noise_pixels)),
        (Format::Png, png(&noise(21, 5, 1))),
        (Format::Webp, described),
        (Format::Webp, webp(&noise_pixels, false)),
        (Format::Webp, webp(&noise_pixels, true)),
        (Format::Gif, gif(32, 24, 3)),
        (Format::Gif, gif(5, 5, 1)),
    ]
}

/// Returns whether a file is encoded losslessly.
pub fn lossless(bytes: &[u8]) -> bool {
    !contains_lossy(bytes)
}

fn contains_lossy(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|name| name == b"VP8 ")
}
