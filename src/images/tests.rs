mod attacks;
mod metadata;
mod mutations;
mod samples;
mod sanitizing;
mod variants;

use super::{ImageError, SanitizedImage, limits, sanitize_within};

fn sanitized(bytes: &[u8]) -> Result<SanitizedImage, ImageError> {
    sanitize_within(bytes, limits::TIMEOUT)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
