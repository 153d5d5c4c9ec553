//! The sizes of variants. Requested widths and heights are rounded up to them, so that an image has a limited number of
//! variants.
use std::sync::Arc;

use entity::media;

use super::types::MediaVariant;
use crate::config::MediaSizes;

/// Variants that a response lists.
pub const MAX_LISTED: usize = 8;

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

    /// Returns the variants that a response lists, narrowest first: all widths, but no two that differ by less than a
    /// fifth.
    pub fn listed(&self, row: &media::Model) -> Vec<MediaVariant> {
        let mut limit = row.width - 1;
        let mut listed = Vec::new();
        for width in self.0.iter().rev().map(|width| i64::from(*width)) {
            if width <= limit && listed.len() < MAX_LISTED {
                limit = width * 4 / 5;
                listed.push(MediaVariant {
                    url: format!("/media/{}?w={width}&format=webp", row.key).into(),
                    width: width as i32,
                    height: ((row.height * width + row.width / 2) / row.width).max(1) as i32,
                });
            }
        }
        listed.reverse();
        listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> VariantSizes {
        VariantSizes::new(&MediaSizes(vec![16, 64, 640, 750]))
    }

    #[test]
    fn rounds_up_to_the_next_or_the_largest_size() {
        for (side, expected) in [(1, 16), (16, 16), (17, 64), (641, 750), (750, 750), (4096, 750)] {
            assert_eq!(sizes().round_up(side), expected, "{side}");
        }
    }
}
