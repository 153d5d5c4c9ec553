//! The dominant color of an image, to fill its area while it loads.
use super::pixels::Pixels;

/// Returns the average of the most frequent group of similar colors. A group has the same upper three bits of red, green and
/// blue. Pixels that are mostly transparent do not count; an invisible image is white.
pub fn color(pixels: &Pixels) -> [u8; 3] {
    let mut groups = [[0_u32; 4]; 512];
    for [red, green, blue, _] in pixels.rgba().filter(|color| color[3] >= 128) {
        let group = usize::from(red >> 5) << 6 | usize::from(green >> 5) << 3 | usize::from(blue >> 5);
        for (sum, value) in groups[group].iter_mut().zip([1, red, green, blue]) {
            *sum += u32::from(value);
        }
    }
    // The first of equally frequent groups, so that the result does not depend on the order of iteration.
    let mut largest = groups[0];
    for group in groups {
        if group[0] > largest[0] {
            largest = group;
        }
    }
    match largest {
        [0, ..] => [255; 3],
        [count, sums @ ..] => sums.map(|sum| ((sum + count / 2) / count) as u8),
    }
}
