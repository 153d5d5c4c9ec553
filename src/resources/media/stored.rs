//! A picture as its row has it: its names among the blobs, and what is shown of it.
use aws_lc_rs::rand;
use entity::media;

use super::types::{Media, MediaType, MediaVariant};
use crate::{
    contract::{
        id::Id,
        problem::{Error, Result},
        time::Timestamp,
    },
    pictures::Format,
};

/// Widths that pages use.
const WIDTHS: [i64; 6] = [160, 320, 640, 960, 1280, 1920];
/// A point is kept in so many parts of a side.
pub const PARTS: f64 = 10_000.0;

/// A new stem, which nobody guesses.
pub fn new_stem() -> Result<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("there is no randomness".to_owned()))?;
    Ok(hex(&bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The stem of a key: `abc` of `abc.jpg`.
pub fn stem(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// Under which all bytes of a picture lie; spread, so that no folder has too many entries.
pub fn below(stem: &str) -> String {
    format!("{}/{stem}", stem.get(..2).unwrap_or_default())
}

/// Where the bytes of the picture itself lie.
pub fn original(key: &str) -> String {
    let extension = key.rsplit('.').next().unwrap_or_default();
    format!("{}/original.{extension}", below(stem(key)))
}

pub fn format_of(key: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|format| key.ends_with(&format!(".{}", format.extension())))
}

fn media_type(format: Format) -> MediaType {
    match format {
        Format::Jpeg => MediaType::Jpeg,
        Format::Png => MediaType::Png,
        Format::Webp => MediaType::Webp,
        Format::Gif => MediaType::Gif,
    }
}

/// The media type by which a row is found.
pub fn named(kind: MediaType) -> &'static str {
    let format = Format::ALL.into_iter().find(|format| media_type(*format) == kind);
    format.unwrap_or(Format::Jpeg).media_type()
}

/// Whether it changes the direction of the text around it: a name would show another ending than it has (Unicode, UAX 9).
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a client calls its file, without folders and with the ending of what it is.
pub fn filename(sent: Option<&str>, format: Format) -> String {
    let name = sent.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control() && !turns(*c)).collect();
    let name = name.trim().trim_matches('.').trim();
    let stem = match name.rsplit_once('.') {
        Some((stem, "jpg" | "jpeg" | "png" | "webp" | "gif" | "JPG" | "JPEG" | "PNG" | "GIF")) => stem,
        _ => name,
    };
    let short: String = stem.chars().take(190).collect();
    let stem = if short.trim().is_empty() { "picture" } else { short.trim() };
    format!("{stem}.{}", format.extension())
}

fn ready(row: &media::Model) -> Vec<MediaVariant> {
    // A GIF may move: as WebP it would stand still, and as a smaller GIF it can be larger.
    let still = format_of(&row.key) != Some(Format::Gif);
    let narrower = WIDTHS.into_iter().filter(|width| still && *width < row.width);
    let variant = |width: i64| MediaVariant {
        url: format!("/media/{}?w={width}&format=webp", row.key),
        width: width as i32,
        height: ((row.height * width + row.width / 2) / row.width).max(1) as i32,
    };
    narrower.map(variant).collect()
}

impl From<media::Model> for Media {
    fn from(row: media::Model) -> Self {
        let part = |point: i64| point as f64 / PARTS;
        Media {
            id: Id::from(row.id),
            url: format!("/media/{}", row.key),
            media_type: media_type(format_of(&row.key).unwrap_or(Format::Jpeg)),
            variants: ready(&row),
            size: row.size,
            width: row.width as i32,
            height: row.height as i32,
            filename: row.filename,
            sha256: row.sha256,
            blurhash: row.blurhash,
            alt: row.alt,
            focus_x: row.focus_x.map(part),
            focus_y: row.focus_y.map(part),
            uploaded_by: row.uploaded_by.map(Id::from),
            created_at: Timestamp(row.created_at),
            updated_at: Timestamp(row.updated_at),
            version: row.version,
            new: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_lead_nowhere() {
        for (sent, kept) in [
            (Some("joint.jpg"), "joint.png"),
            (Some("../../etc/passwd"), "passwd.png"),
            (Some("C:\\pictures\\joint.PNG"), "joint.png"),
            (Some("joint.php"), "joint.php.png"),
            (Some("..."), "picture.png"),
            (Some("a\r\nb\0.gif"), "ab.png"),
            (Some(".htaccess"), "htaccess.png"),
            (Some("Größe"), "Größe.png"),
            (Some(""), "picture.png"),
            (None, "picture.png"),
        ] {
            assert_eq!(filename(sent, Format::Png), kept);
        }
        assert_eq!(filename(Some(&"ä".repeat(1000)), Format::Webp).chars().count(), 195);
    }
}
