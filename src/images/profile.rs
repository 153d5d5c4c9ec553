//! Color spaces: pixels are converted to sRGB, so that the profile can be removed.
use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ParsingOptions, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor,
    Transform16BitExecutor, TransformOptions, XyY,
};

use super::{ImageError, guard::Guard, pixels::Pixels};

/// Maximum size of a profile, in bytes. Profiles of cameras and screens have a few KiB, of printers up to 3 MiB.
pub const MAX_PROFILE: usize = 4 << 20;

/// The sRGB approximation that encoders write to `gAMA` and `cHRM`, in hundred-thousandths: gamma, then x and y of
/// white, red, green and blue.
const SRGB_GAMMA: u32 = 45_455;
const SRGB_CHROMATICITIES: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];

/// The luminance of diffuse white in HDR images, relative to the peak of the transfer function (ITU-R BT.2408).
const PQ_WHITE: f64 = 203.0 / 10_000.0;
const HLG_WHITE: f64 = 0.265;

/// A parsed color profile.
pub struct Profile(ColorProfile);

impl Profile {
    /// Parses an ICC profile. Returns `None` if it is invalid or too large: viewers then display the pixels as sRGB.
    pub fn from_icc(bytes: &[u8]) -> Option<Profile> {
        let options = ParsingOptions {
            max_profile_size: MAX_PROFILE,
            max_allowed_clut_size: MAX_PROFILE,
            max_allowed_trc_size: 64 << 10,
        };
        ColorProfile::new_from_slice_with_options(bytes, options).ok().map(Profile)
    }

    /// Returns the profile of coding-independent code points (ITU-T H.273). `None` for code points without a color space.
    pub fn from_cicp(primaries: u8, transfer: u8, gray: bool) -> Option<Profile> {
        let color_primaries = CicpColorPrimaries::try_from(primaries).ok()?;
        let transfer_characteristics = TransferCharacteristics::try_from(transfer).ok()?;
        let cicp = CicpProfile {
            color_primaries,
            transfer_characteristics,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        };
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        // The returned value is always `false` in moxcms 0.9.
        profile.update_rgb_colorimetry_from_cicp(cicp);
        if profile.cicp.is_none() || ToneReprCurve::try_from(transfer_characteristics).is_err() {
            return None;
        }
        let white = match transfer_characteristics {
            TransferCharacteristics::Smpte2084 => PQ_WHITE,
            TransferCharacteristics::Hlg => HLG_WHITE,
            _ => 1.0,
        };
        for color in [&mut profile.red_colorant, &mut profile.green_colorant, &mut profile.blue_colorant] {
            (color.x, color.y, color.z) = (color.x / white, color.y / white, color.z / white);
        }
        if gray {
            profile = gray_profile(profile.red_trc);
        }
        Some(Profile(profile))
    }

    /// Returns the profile of the PNG chunks `gAMA` and `cHRM`, in hundred-thousandths. `None` if they describe sRGB or are
    /// invalid.
    pub fn from_gamma(gamma: Option<u32>, chromaticities: Option<[u32; 8]>, gray: bool) -> Option<Profile> {
        let near = |value: u32, other: u32| value.abs_diff(other) <= 100;
        let chromaticities = chromaticities.filter(|values| {
            !gray && !values.iter().zip(SRGB_CHROMATICITIES).all(|(value, srgb)| near(*value, srgb))
        });
        let gamma = gamma.filter(|gamma| (10_000..=500_000).contains(gamma));
        if chromaticities.is_none() && gamma.is_none_or(|gamma| near(gamma, SRGB_GAMMA)) {
            return None;
        }
        let curve = gamma.map(|gamma| ToneReprCurve::Parametric(vec![1e5 / gamma as f32]));
        if gray {
            return Some(Profile(gray_profile(curve)));
        }
        let mut profile = ColorProfile::new_srgb();
        if let Some(values) = chromaticities {
            let [white, red, green, blue] =
                [0, 2, 4, 6].map(|at| [values[at] as f32 / 1e5, values[at + 1] as f32 / 1e5]);
            let area = (green[0] - red[0]) * (blue[1] - red[1]) - (blue[0] - red[0]) * (green[1] - red[1]);
            if white[1] < 0.01 || values.iter().any(|value| *value > 200_000) || area.abs() < 0.001 {
                return None;
            }
            let color = |[x, y]: [f32; 2]| Chromaticity::new(x, y);
            let primaries = ColorPrimaries { red: color(red), green: color(green), blue: color(blue) };
            let white = XyY { x: white[0].into(), y: white[1].into(), yb: 1.0 };
            profile.update_rgb_colorimetry(white, primaries);
        }
        profile.cicp = None;
        if curve.is_some() {
            (profile.red_trc, profile.green_trc) = (curve.clone(), curve.clone());
            profile.blue_trc = curve;
        }
        Some(Profile(profile))
    }

    fn layout(&self, channels: usize) -> Option<Layout> {
        match (channels, self.0.color_space) {
            (1 | 2, DataColorSpace::Gray) => Some(Layout::Gray),
            (3, DataColorSpace::Rgb) => Some(Layout::Rgb),
            // CMYK has the layout of RGBA.
            (4, DataColorSpace::Rgb | DataColorSpace::Cmyk) => Some(Layout::Rgba),
            _ => None,
        }
    }

    /// Returns the conversion of pixels with eight bits per channel. `None` if the profile does not fit the channels,
    /// or if it describes sRGB.
    pub fn conversion(&self, channels: usize) -> Option<Conversion> {
        let layout = self.layout(channels)?;
        if self.0.color_space == DataColorSpace::Cmyk {
            return None;
        }
        if layout == Layout::Gray {
            let gray: Vec<u8> = (0..=255).collect();
            let table =
                self.gray_table(&gray.iter().map(|gray| u16::from(*gray) * 257).collect::<Vec<_>>())?;
            return (!is_identity(&gray, &table)).then_some(Conversion::Gray(table));
        }
        let transform =
            self.0.create_transform_8bit(layout, &ColorProfile::new_srgb(), layout, OPTIONS).ok()?;
        let before = sample_colors(channels);
        let mut after = vec![0; before.len()];
        transform.transform(&before, &mut after).ok()?;
        (!is_identity(&before, &after)).then_some(Conversion::Color(transform))
    }

    /// Returns the conversion of big-endian samples with 16 bits to samples with eight bits.
    pub fn conversion_16bit(&self, channels: usize) -> Option<Conversion16> {
        let layout = self.layout(channels)?;
        if layout == Layout::Gray {
            return self.gray_table(&(0..=u16::MAX).collect::<Vec<_>>()).map(Conversion16::Gray);
        }
        let transform =
            self.0.create_transform_16bit(layout, &ColorProfile::new_srgb(), layout, OPTIONS).ok()?;
        Some(Conversion16::Color(transform))
    }

    /// Returns the result for each gray.
    fn gray_table(&self, gray: &[u16]) -> Option<Vec<u8>> {
        let srgb = ColorProfile::new_srgb();
        let transform = self.0.create_transform_16bit(Layout::Gray, &srgb, Layout::Rgb, OPTIONS).ok()?;
        let mut rgb = vec![0; 3 * gray.len()];
        transform.transform(gray, &mut rgb).ok()?;
        Some(rgb.chunks_exact(3).map(|color| to_8bit(color[1])).collect())
    }

    /// Returns the conversion of CMYK to RGB. `None` if the profile is for another color space.
    fn cmyk(&self) -> Option<Arc<Transform8BitExecutor>> {
        if self.0.color_space != DataColorSpace::Cmyk {
            return None;
        }
        self.0.create_transform_8bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgb, OPTIONS).ok()
    }
}

fn gray_profile(curve: Option<ToneReprCurve>) -> ColorProfile {
    let mut profile = ColorProfile::new_gray_with_gamma(1.0);
    profile.gray_trc = curve;
    profile
}

const OPTIONS: TransformOptions = TransformOptions {
    rendering_intent: moxcms::RenderingIntent::Perceptual,
    allow_use_cicp_transfer: true,
    // Fixed-point numbers are less accurate in dark colors.
    prefer_fixed_point: false,
    interpolation_method: moxcms::InterpolationMethod::Linear,
    barycentric_weight_scale: moxcms::BarycentricWeightScale::Low,
};

fn to_8bit(value: u16) -> u8 {
    ((u32::from(value) * 255 + 32_895) >> 16) as u8
}

/// A conversion of pixels with eight bits per channel to sRGB.
pub enum Conversion {
    /// The result for each gray.
    Gray(Vec<u8>),
    Color(Arc<Transform8BitExecutor>),
}

impl Conversion {
    pub fn apply(&self, pixels: &mut Pixels, guard: &Guard) -> Result<(), ImageError> {
        let row = pixels.width as usize * pixels.channels;
        let mut before = vec![0; row];
        for line in pixels.data.chunks_exact_mut(row) {
            guard.check()?;
            match self {
                Conversion::Gray(table) => {
                    let gray = line.iter_mut().step_by(pixels.channels);
                    gray.for_each(|value| *value = table[usize::from(*value)]);
                }
                Conversion::Color(transform) => {
                    before.copy_from_slice(line);
                    transform.transform(&before, line).map_err(|_| ImageError::Corrupt)?;
                }
            }
        }
        Ok(())
    }
}

/// A conversion of samples with 16 bits to sRGB with eight bits.
pub enum Conversion16 {
    /// The result for each gray.
    Gray(Vec<u8>),
    Color(Arc<Transform16BitExecutor>),
}

impl Conversion16 {
    /// Converts big-endian samples. `to` has the same number of samples.
    pub fn apply(&self, samples: &[u8], to: &mut Pixels, guard: &Guard) -> Result<(), ImageError> {
        let row = to.width as usize * to.channels;
        let (mut before, mut after) = (vec![0; row], vec![0; row]);
        let channels = to.channels;
        for (line, samples) in to.data.chunks_exact_mut(row).zip(samples.chunks_exact(2 * row)) {
            guard.check()?;
            for (sample, bytes) in before.iter_mut().zip(samples.chunks_exact(2)) {
                *sample = u16::from_be_bytes([bytes[0], bytes[1]]);
            }
            match self {
                Conversion16::Gray(table) => {
                    for (index, (value, sample)) in line.iter_mut().zip(&before).enumerate() {
                        let is_gray = index % channels == 0;
                        *value = if is_gray { table[usize::from(*sample)] } else { to_8bit(*sample) };
                    }
                }
                Conversion16::Color(transform) => {
                    transform.transform(&before, &mut after).map_err(|_| ImageError::Corrupt)?;
                    line.iter_mut().zip(&after).for_each(|(value, sample)| *value = to_8bit(*sample));
                }
            }
        }
        Ok(())
    }
}

/// Converts CMYK to RGB in place. In `pixels`, 255 is no ink, as JPEG stores it. Without a valid CMYK profile, each ink
/// absorbs its complementary color completely, as browsers assume.
pub fn cmyk_to_rgb(
    mut pixels: Pixels,
    profile: Option<&Profile>,
    guard: &Guard,
) -> Result<Pixels, ImageError> {
    let transform = profile.and_then(Profile::cmyk);
    let width = pixels.width as usize;
    let (mut inks, mut colors) = (vec![0; width * 4], vec![0; width * 3]);
    for line in 0..pixels.height as usize {
        guard.check()?;
        let row = &pixels.data[line * width * 4..(line + 1) * width * 4];
        inks.iter_mut().zip(row).for_each(|(ink, value)| *ink = 255 - value);
        match &transform {
            Some(transform) => transform.transform(&inks, &mut colors).map_err(|_| ImageError::Corrupt)?,
            None => {
                for (color, stored) in colors.chunks_exact_mut(3).zip(row.chunks_exact(4)) {
                    let black = u16::from(stored[3]);
                    color
                        .iter_mut()
                        .zip(stored)
                        .for_each(|(value, ink)| *value = ((u16::from(*ink) * black + 127) / 255) as u8);
                }
            }
        }
        // An RGB row ends before the CMYK row of the same line.
        pixels.data[line * width * 3..(line + 1) * width * 3].copy_from_slice(&colors);
    }
    pixels.data.truncate(width * pixels.height as usize * 3);
    Ok(Pixels { channels: 3, ..pixels })
}

/// Returns the colors by which sRGB is recognized.
fn sample_colors(channels: usize) -> Vec<u8> {
    let steps = [0, 40, 90, 128, 200, 255];
    let color = |index: usize| [steps[index / 36], steps[index / 6 % 6], steps[index % 6], 255];
    (0..216).flat_map(|index| color(index).into_iter().take(channels)).collect()
}

/// Returns whether a conversion changes colors by rounding errors only. It is then skipped. This is common, because
/// most profiles describe sRGB.
fn is_identity(before: &[u8], after: &[u8]) -> bool {
    let difference = |(before, after): (&u8, &u8)| u32::from(before.abs_diff(*after));
    let differences = || before.iter().zip(after).map(difference);
    differences().all(|difference| difference <= 2) && 2 * differences().sum::<u32>() <= before.len() as u32
}
