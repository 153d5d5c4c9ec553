//! Color profiles: pixels are converted to sRGB, so that the profile can be removed.
use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions};

use super::{ImageError, guard::Guard, pixels::Pixels};

/// Maximum size of a profile, in bytes. Profiles of cameras and screens have a few KiB; larger ones are for
/// printers.
const MAX_PROFILE: usize = 64 << 10;

/// Converts the pixels to sRGB. Pixels without a valid RGB profile are unchanged, because viewers display them
/// as sRGB.
pub fn to_srgb(pixels: &mut Pixels, profile: Option<&[u8]>, guard: &Guard) -> Result<(), ImageError> {
    let layout = match pixels.channels {
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        _ => return Ok(()),
    };
    let Some(transform) = profile.and_then(|profile| transform(profile, layout)) else { return Ok(()) };
    if is_identity(&*transform, pixels.channels) {
        return Ok(());
    }
    let row = pixels.width as usize * pixels.channels;
    let mut before = vec![0; row];
    for line in pixels.data.chunks_exact_mut(row) {
        guard.check()?;
        before.copy_from_slice(line);
        transform.transform(&before, line).map_err(|_| ImageError::Corrupt)?;
    }
    Ok(())
}

fn transform(profile: &[u8], layout: Layout) -> Option<Arc<Transform8BitExecutor>> {
    let options = ParsingOptions {
        max_profile_size: MAX_PROFILE,
        max_allowed_clut_size: MAX_PROFILE,
        max_allowed_trc_size: MAX_PROFILE / 2,
    };
    let profile = ColorProfile::new_from_slice_with_options(profile, options).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, TransformOptions::default()).ok()
}

/// Returns whether the transform changes colors by rounding errors only. The conversion is then skipped. This is
/// common, because most profiles describe sRGB.
fn is_identity(transform: &Transform8BitExecutor, channels: usize) -> bool {
    let steps = [0, 40, 90, 128, 200, 255];
    let color = |index: usize| [steps[index / 36], steps[index / 6 % 6], steps[index % 6], 255];
    let before: Vec<u8> = (0..216).flat_map(|index| color(index).into_iter().take(channels)).collect();
    let mut after = vec![0; before.len()];
    transform.transform(&before, &mut after).is_err()
        || before.iter().zip(&after).all(|(before, after)| before.abs_diff(*after) <= 3)
}
