//! Blob keys, file names and wire representation of a `media` row.
use entity::media;

use super::{
    sizes::VariantSizes,
    types::{Media, MediaType},
};
use crate::{
    domain::{id::Id, timestamp::Timestamp},
    http::problem::{Error, Result},
    images::{Format, average_color},
};

/// Resolution of a stored focus coordinate: ten-thousandths of a side.
pub const FOCUS_SCALE: f64 = 10_000.0;

/// Returns a new random stem of a key. It has 128 bits, so that URLs cannot be guessed.
pub fn new_stem() -> Result<String> {
    let mut bytes = [0; 16];
    crate::domain::secret::fill_random(&mut bytes)
        .map_err(|_| Error::Internal("the random number generator failed".to_owned()))?;
    Ok(hex(&bytes))
}

/// Formats bytes as lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the stem of a key: `abc` of `abc.jpg`.
pub fn stem(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

/// Returns the prefix of all blobs of an image. The first two digits spread the blobs over folders.
pub fn prefix(stem: &str) -> String {
    format!("{}/{stem}", stem.get(..2).unwrap_or_default())
}

/// Returns the blob key of the stored original.
pub fn original(key: &str) -> String {
    let extension = key.rsplit('.').next().unwrap_or_default();
    format!("{}/original.{extension}", prefix(stem(key)))
}

/// Returns the format that the extension of a key names.
pub fn format_of(key: &str) -> Option<Format> {
    Format::ALL.into_iter().find(|format| key.ends_with(&format!(".{}", format.extension())))
}

/// Returns the media type of a format.
pub fn media_type(format: Format) -> MediaType {
    match format {
        Format::Jpeg => MediaType::Jpeg,
        Format::Png => MediaType::Png,
        Format::Webp => MediaType::Webp,
        Format::Gif => MediaType::Gif,
    }
}

/// Returns a color as 24 bits.
pub fn pack([red, green, blue]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, red, green, blue])
}

/// Returns whether a character changes the text direction (UAX #9), which could disguise the file extension.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// File extensions of images, which [`filename`] replaces.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];

/// Returns the client's file name without folders, control characters and bidi controls, with the extension
/// of `format`.
pub fn filename(client_name: Option<&str>, format: Format) -> String {
    let name = client_name.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|c| !c.is_control() && !is_bidi_control(*c)).collect();
    let name = name.trim().trim_matches('.').trim();
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)) => {
            stem
        }
        _ => name,
    };
    // With the extension, at most 200 characters: the limit of the field `filename`.
    let short: String = stem.chars().take(190).collect();
    let stem = if short.trim().is_empty() { "image" } else { short.trim() };
    format!("{stem}.{}", format.extension())
}

impl Media {
    /// Returns the representation of a row, which lists variants in these sizes.
    pub(super) fn new(row: media::Model, sizes: &VariantSizes) -> Self {
        let coordinate = |value: i64| value as f64 / FOCUS_SCALE;
        let color = row.dominant_color.map(|color| (color & 0xFF_FFFF) as u32);
        let color = color.unwrap_or_else(|| pack(average_color(&row.blurhash).unwrap_or([255; 3])));
        Media {
            id: Id::from(row.id),
            url: format!("/media/{}", row.key).into(),
            media_type: row.media_type,
            sources: sizes.sources(&row),
            dominant_color: format!("#{color:06x}").into(),
            aspect_ratio: (row.width as f64 / row.height as f64 * 1e6).round() / 1e6,
            size: row.size,
            width: row.width as i32,
            height: row.height as i32,
            filename: row.filename.into(),
            sha256: row.sha256.into(),
            blurhash: row.blurhash.into(),
            alt: row.alt.map(Into::into),
            focus_x: row.focus_x.map(coordinate),
            focus_y: row.focus_y.map(coordinate),
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
    fn filename_drops_folders_and_control_characters() {
        for (client_name, expected) in [
            (Some("joint.jpg"), "joint.png"),
            (Some("../../etc/passwd"), "passwd.png"),
            (Some("C:\\pictures\\joint.PNG"), "joint.png"),
            (Some("joint.WEBP"), "joint.png"),
            (Some("joint.Jpeg"), "joint.png"),
            (Some("joint.php"), "joint.php.png"),
            (Some("..."), "image.png"),
            (Some("a\r\nb\0.gif"), "ab.png"),
            (Some(".htaccess"), "htaccess.png"),
            (Some("Größe"), "Größe.png"),
            (Some(""), "image.png"),
            (None, "image.png"),
        ] {
            assert_eq!(filename(client_name, Format::Png), expected);
        }
        assert_eq!(filename(Some(&"ä".repeat(1000)), Format::Webp).chars().count(), 195);
    }
}
