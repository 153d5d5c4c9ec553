//! Multipart request bodies, and images as test files.
use std::io::Write;

use flate2::{Compression, Crc, write::ZlibEncoder};
use poem::{Body, http::Method};

use crate::support::{Api, Response};

pub const FORM: &str = "multipart/form-data; boundary=tenon";

/// A part: field name, file name, content.
pub type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

/// Serializes the parts as `multipart/form-data`.
pub fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.extend(
            format!("--tenon\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes(),
        );
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--tenon--\r\n");
    body
}

/// Sends the parts to `POST /api/upload`.
pub async fn upload(client: &Api, parts: &[Part<'_>]) -> Response {
    client.header("content-type", FORM).send(Method::POST, "/api/upload", Some(Body::from(form(parts)))).await
}

/// Returns a PNG of this size; each `seed` creates different bytes.
pub fn png(width: u32, height: u32, seed: u8) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    for y in 0..height {
        let mut row = vec![0];
        row.extend((0..width).flat_map(|x| [(x * 255 / width) as u8, (y * 255 / height) as u8, seed]));
        rows.write_all(&row).expect("memory accepts writes");
    }
    png_of(width, height, &rows.finish().expect("memory accepts writes"), &[])
}

/// Returns a small PNG file of this size: all pixels are black.
pub fn plain_png(width: u32, height: u32) -> Vec<u8> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    let row = vec![0; 1 + 3 * width as usize];
    (0..height).for_each(|_| rows.write_all(&row).expect("memory accepts writes"));
    png_of(width, height, &rows.finish().expect("memory accepts writes"), &[])
}

/// Returns a PNG with this size in its header, this compressed data and additional chunks.
pub fn png_of(width: u32, height: u32, data: &[u8], chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], content: &[u8]| {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(content);
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend_from_slice(kind);
        bytes.extend_from_slice(content);
        bytes.extend(crc.sum().to_be_bytes());
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[size.as_slice(), &[8, 2, 0, 0, 0]].concat());
    for (kind, content) in chunks {
        chunk(kind, content);
    }
    chunk(b"IDAT", data);
    chunk(b"IEND", &[]);
    bytes
}

/// Returns a JPEG with a gradient.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let pixel =
        |at: u32| [at % u32::from(width) * 4, at / u32::from(width) * 5, at % 251].map(|value| value as u8);
    let pixels: Vec<u8> = (0..u32::from(width) * u32::from(height)).flat_map(pixel).collect();
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).expect("memory accepts writes");
    bytes
}

/// A GIF of one pixel.
pub const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\x00\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
