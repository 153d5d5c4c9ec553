//! The colours of a picture become those of sRGB, which every page shows, so that the profile that says
//! which they were can be dropped.
use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, Transform8BitExecutor, TransformOptions};

use super::{Refused, guard::Guard, pixels::Pixels};

/// A camera's or screen's profile has a few KiB; more is a printer's.
const MOST: usize = 64 << 10;

/// Changes nothing if there is no profile, or none that can be read: the picture is good without.
pub fn to_srgb(pixels: &mut Pixels, profile: Option<&[u8]>, guard: &Guard) -> Result<(), Refused> {
    let layout = match pixels.channels {
        3 => Layout::Rgb,
        4 => Layout::Rgba,
        _ => return Ok(()),
    };
    let Some(transform) = profile.and_then(|profile| transform(profile, layout)) else { return Ok(()) };
    if same(&*transform, pixels.channels) {
        return Ok(());
    }
    let row = pixels.width as usize * pixels.channels;
    let mut before = vec![0; row];
    for line in pixels.data.chunks_exact_mut(row) {
        guard.check()?;
        before.copy_from_slice(line);
        transform.transform(&before, line).map_err(|_| Refused::Broken)?;
    }
    Ok(())
}

fn transform(profile: &[u8], layout: Layout) -> Option<Arc<Transform8BitExecutor>> {
    let bounds = ParsingOptions {
        max_profile_size: MOST,
        max_allowed_clut_size: MOST,
        max_allowed_trc_size: MOST / 2,
    };
    let profile = ColorProfile::new_from_slice_with_options(profile, bounds).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, TransformOptions::default()).ok()
}

/// Whether colours stay as they are but for roundings: most profiles say sRGB, in many ways.
fn same(transform: &Transform8BitExecutor, channels: usize) -> bool {
    let steps = [0, 40, 90, 128, 200, 255];
    let colour = |place: usize| [steps[place / 36], steps[place / 6 % 6], steps[place % 6], 255];
    let before: Vec<u8> = (0..216).flat_map(|place| colour(place).into_iter().take(channels)).collect();
    let mut after = vec![0; before.len()];
    transform.transform(&before, &mut after).is_err()
        || before.iter().zip(&after).all(|(before, after)| before.abs_diff(*after) <= 3)
}
