mod animations;
mod attacks;
mod colors;
mod jpeg;
mod metadata;
mod mutations;
mod samples;
mod sanitizing;
mod variants;

use super::{ImageError, Limits, SanitizedImage, sanitize_within};

/// The default limits.
const LIMITS: Limits = Limits { bytes: 20 << 20, pixels: 50_000_000 };

fn sanitized(bytes: &[u8]) -> Result<SanitizedImage, ImageError> {
    sanitize_within(bytes, &samples::guard())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
