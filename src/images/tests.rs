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

const LIMITS: Limits = Limits::DEFAULT;

fn sanitized(bytes: &[u8]) -> Result<SanitizedImage, ImageError> {
    sanitize_within(bytes, &samples::guard())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
