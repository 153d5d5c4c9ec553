mod attacks;
mod metadata;
mod mutations;
mod samples;
mod variants;
mod whole;

use super::{Clean, Refused, clean_within, limits};

fn cleaned(bytes: &[u8]) -> Result<Clean, Refused> {
    clean_within(bytes, limits::TIME)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
