//! The sizes of variants. Requested widths and heights are rounded up to them, so that an image has a limited number of
//! variants.
use std::sync::Arc;

use entity::media;

use super::types::{MediaSource, MediaType, MediaVariant};
use crate::config::MediaSizes;

/// Sizes of the server that a response lists.
const MAX_LISTED: usize = 8;

/// The sizes of variants in pixels, in ascending order.
#[derive(Debug, Clone)]
pub struct VariantSizes(Arc<[u32]>);

impl VariantSizes {
    pub fn new(sizes: &MediaSizes) -> Self {
        VariantSizes(sizes.0.as_slice().into())
    }

    /// Returns the smallest size that is not less than `side`, or the largest size.
    pub fn round_up(&self, side: u32) -> u32 {
        let next = self.0.partition_point(|size| *size < side);
        self.0.get(next).or(self.0.last()).copied().unwrap_or(side)
    }

    /// Returns the sizes as a text, for entity tags.
    pub fn text(&self) -> String {
        format!("{:?}", self.0)
    }

    /// Returns the image in WebP and in its own format. Of a GIF, only the stored file: smaller animations can have
    /// more bytes, or take too long to encode, and browsers do not try the next source after an error.
    pub fn sources(&self, row: &media::Model) -> Vec<MediaSource> {
        if row.media_type == MediaType::Gif {
            return vec![source(row, MediaType::Gif, &[row.width])];
        }
        let widths = self.listed(row.width);
        let types = [MediaType::Webp, row.media_type];
        let types = if row.media_type == MediaType::Webp { &types[1..] } else { &types[..] };
        types.iter().map(|media_type| source(row, *media_type, &widths)).collect()
    }

    /// Returns the widths that a response lists, narrowest first: all sizes, but no two that differ by less than a
    /// fifth, and the full width if it does not exceed the sizes. A full width that is no size may be close to a size.
    fn listed(&self, width: i64) -> Vec<i64> {
        let largest = self.0.last().copied().unwrap_or_default();
        let mut listed: Vec<i64> = if width <= largest.into() { vec![width] } else { Vec::new() };
        let most = MAX_LISTED + listed.len();
        let is_size = self.0.iter().any(|size| i64::from(*size) == width);
        let mut limit = if is_size { width * 4 / 5 } else { width - 1 };
        for size in self.0.iter().rev().map(|size| i64::from(*size)) {
            if size <= limit && listed.len() < most {
                limit = size * 4 / 5;
                listed.push(size);
            }
        }
        listed.reverse();
        listed
    }
}

/// Returns an image in one format.
fn source(row: &media::Model, media_type: MediaType, widths: &[i64]) -> MediaSource {
    let format = (media_type != row.media_type).then_some("format=webp");
    let variant = |width: &i64| {
        let size = (*width != row.width).then(|| format!("w={width}"));
        let parameters: Vec<&str> = size.as_deref().into_iter().chain(format).collect();
        let mark = if parameters.is_empty() { "" } else { "?" };
        MediaVariant {
            url: format!("/media/{}{mark}{}", row.key, parameters.join("&")).into(),
            width: *width as i32,
            height: ((row.height * width + row.width / 2) / row.width).max(1) as i32,
        }
    };
    let variants: Vec<MediaVariant> = widths.iter().map(variant).collect();
    let srcset: Vec<String> =
        variants.iter().map(|variant| format!("{} {}w", variant.url, variant.width)).collect();
    MediaSource { media_type, srcset: srcset.join(", ").into(), variants }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> VariantSizes {
        VariantSizes::new(&MediaSizes(vec![16, 64, 640, 750]))
    }

    #[test]
    fn lists_the_full_width_unless_it_exceeds_the_sizes() {
        for (width, expected) in [
            (8, vec![8]),
            (16, vec![16]),
            (700, vec![16, 64, 640, 700]),
            (750, vec![16, 64, 750]),
            (2000, vec![16, 64, 750]),
        ] {
            assert_eq!(sizes().listed(width), expected, "{width}");
        }
    }

    #[test]
    fn rounds_up_to_the_next_or_the_largest_size() {
        for (side, expected) in [(1, 16), (16, 16), (17, 64), (641, 750), (750, 750), (4096, 750)] {
            assert_eq!(sizes().round_up(side), expected, "{side}");
        }
    }
}
