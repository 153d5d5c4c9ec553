//! Variants: crops, resizes and converts sanitized images. Images are never enlarged.
use std::path::Path;

use super::{
    Format, ImageError, Limits, SanitizedImage, animation, catch_panic, decode, encode,
    guard::Guard,
    limits,
    pixels::{Crop, Pixels},
    read, sniff,
};

/// The method of fitting an image into a box with another aspect ratio. A box that is larger than the image is
/// reduced in the same ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Fills the box and crops the rest around the focus.
    Cover,
    /// Centers the whole image in the box. The remaining area is transparent, or white in formats without
    /// transparency.
    Contain,
    /// Scales the whole image to fit in the box; the result can be smaller than the box.
    #[default]
    Inside,
}

/// The requested size and format. With only one side, the aspect ratio is preserved.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct VariantOptions {
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    /// The point that is visible in a crop, from 0 to 1 horizontally and vertically. Default: the center.
    pub focus: Option<(f32, f32)>,
    /// Default: the format of the source.
    pub format: Option<Format>,
}

/// Makes a variant of a sanitized image. An animation stays animated, except as a JPEG: that is its first frame.
///
/// Blocks for at most [`limits::VARIANT_TIMEOUT`]. Uses at most [`Limits::memory`], the file and the output.
pub fn variant(path: &Path, options: &VariantOptions, limits: Limits) -> Result<SanitizedImage, ImageError> {
    let bytes = read(path, limits.output())?;
    catch_panic(|| make(&bytes, options, &Guard::new(limits::VARIANT_TIMEOUT, limits)))
}

pub fn make(bytes: &[u8], options: &VariantOptions, guard: &Guard) -> Result<SanitizedImage, ImageError> {
    let format = sniff(bytes).ok_or(ImageError::UnknownFormat)?;
    let wanted = options.format.unwrap_or(format);
    if wanted != Format::Jpeg
        && let Some(mut frames) = animation::open(format, bytes, guard)?
        && (frames.count() > 1 || (format, wanted) == (Format::Gif, Format::Gif))
    {
        let (width, height) = frames.size();
        if wanted != Format::Gif {
            // A GIF needs less memory than the other formats, so its limit is higher.
            animation::check(width, height, frames.count(), guard)?;
        }
        let plan = Plan::new(width, height, options, guard)?;
        return animation::encode(&mut *frames, Some(&plan), wanted, guard);
    }
    let mut still = decode(format, bytes, guard)?;
    let plan = Plan::new(still.pixels.width, still.pixels.height, options, guard)?;
    still.pixels = plan.draw(still.pixels, wanted != Format::Jpeg, &guard.limits)?;
    still.lossless = false;
    guard.check()?;
    encode(wanted, still, guard)
}

/// The geometry of a variant: a crop of the source, its drawn size and the size of the canvas.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    crop: Crop,
    /// The size to which the crop is scaled.
    drawn: (u32, u32),
    /// The size of the result. The crop is drawn in its center.
    pub size: (u32, u32),
    source: (u32, u32),
}

impl Plan {
    pub fn new(width: u32, height: u32, options: &VariantOptions, guard: &Guard) -> Result<Plan, ImageError> {
        let (source_width, source_height) = (f64::from(width), f64::from(height));
        let requested = |side: Option<u32>| side.map(|side| f64::from(side.max(1)));
        let (scale_x, scale_y) = (
            requested(options.width).map(|side| side / source_width),
            requested(options.height).map(|side| side / source_height),
        );
        let (Some(scale_x), Some(scale_y)) = (scale_x, scale_y) else {
            let scale = scale_x.or(scale_y).unwrap_or(1.0).min(1.0);
            return Ok(Plan::scaled(width, height, scale));
        };
        match options.fit {
            Fit::Inside => Ok(Plan::scaled(width, height, scale_x.min(scale_y).min(1.0))),
            Fit::Contain => {
                let enlargement = scale_x.min(scale_y).max(1.0);
                let plan = Plan::scaled(width, height, scale_x.min(scale_y).min(1.0));
                let size =
                    (side(source_width * scale_x / enlargement), side(source_height * scale_y / enlargement));
                let size = (size.0.max(plan.drawn.0), size.1.max(plan.drawn.1));
                guard.check_dimensions(size.0, size.1, 40)?;
                Ok(Plan { size, ..plan })
            }
            Fit::Cover => {
                let scale = scale_x.max(scale_y);
                let size = (
                    side(source_width * scale_x / scale.max(1.0)),
                    side(source_height * scale_y / scale.max(1.0)),
                );
                let (crop_width, crop_height) =
                    (source_width * scale_x / scale, source_height * scale_y / scale);
                let (x, y) = options.focus.map_or((0.5, 0.5), |(x, y)| (unit(x), unit(y)));
                let crop = Crop {
                    left: (x * source_width - crop_width / 2.0)
                        .clamp(0.0, (source_width - crop_width).max(0.0)),
                    top: (y * source_height - crop_height / 2.0)
                        .clamp(0.0, (source_height - crop_height).max(0.0)),
                    width: crop_width.min(source_width),
                    height: crop_height.min(source_height),
                };
                Ok(Plan { crop, drawn: size, size, source: (width, height) })
            }
        }
    }

    fn scaled(width: u32, height: u32, scale: f64) -> Plan {
        let (source_width, source_height) = (f64::from(width), f64::from(height));
        let size = (side(source_width * scale), side(source_height * scale));
        let crop = Crop { left: 0.0, top: 0.0, width: source_width, height: source_height };
        Plan { crop, drawn: size, size, source: (width, height) }
    }

    /// Draws the crop on the canvas. `alpha` states whether the output format supports transparency.
    pub fn draw(&self, pixels: Pixels, alpha: bool, limits: &Limits) -> Result<Pixels, ImageError> {
        let drawn = if self.drawn == self.source
            && self.crop.width == f64::from(self.source.0)
            && self.crop.height == f64::from(self.source.1)
        {
            pixels
        } else {
            pixels.resize(self.crop, self.drawn.0, self.drawn.1, limits)?
        };
        if self.size == self.drawn {
            return Ok(drawn);
        }
        Ok(if alpha {
            drawn.with_alpha().centered_on(self.size, 0)
        } else {
            drawn.flatten_on_white().centered_on(self.size, 255)
        })
    }
}

fn side(length: f64) -> u32 {
    (length.round() as u32).max(1)
}

fn unit(at: f32) -> f64 {
    if at.is_finite() { f64::from(at).clamp(0.0, 1.0) } else { 0.5 }
}
