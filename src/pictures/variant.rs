//! Smaller pictures made of clean ones: in a box, around what matters, in another kind. None is made larger.
use std::path::Path;

use super::{
    Clean, Format, Refused, decode, finish, gif,
    guard::{Guard, afford},
    limits,
    pixels::{Part, Pixels},
    read, sniff, survive,
};

/// How a picture is put into a box of another shape. If the box is larger than the picture fills, the box
/// is made smaller and keeps its shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Fills the box; what hangs over is cut away, around the focus.
    Cover,
    /// All of it is in the box, and the rest of the box is transparent, or white where nothing can be.
    Contain,
    /// All of it is in the box, and the picture is only as large as that takes.
    #[default]
    Inside,
}

/// What is wanted of a picture. One side alone keeps the picture's shape.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ask {
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fit: Fit,
    /// What matters in the picture, from 0 to 1 across and down; the middle if nothing is said.
    pub focus: Option<(f32, f32)>,
    /// The kind that the picture is if nothing is said.
    pub format: Option<Format>,
}

/// Makes a picture of a clean one. A GIF moves on as a GIF, and stands still as another kind.
///
/// Blocks for at most [`limits::TIME`] and takes at most [`limits::MEMORY`].
pub fn variant(path: &Path, ask: &Ask) -> Result<Clean, Refused> {
    let bytes = read(path, limits::WRITTEN)?;
    survive(|| make(&bytes, ask, &Guard::new(limits::TIME)))
}

pub fn make(bytes: &[u8], ask: &Ask, guard: &Guard) -> Result<Clean, Refused> {
    let format = sniff(bytes).ok_or(Refused::Kind)?;
    let wanted = ask.format.unwrap_or(format);
    if (format, wanted) == (Format::Gif, Format::Gif) {
        return gif::variant(bytes, ask, guard);
    }
    let mut still = decode(format, bytes, guard)?;
    let plan = Plan::new(still.pixels.width, still.pixels.height, ask)?;
    still.pixels = plan.draw(still.pixels, wanted != Format::Jpeg)?;
    still.lossless = false;
    guard.check()?;
    finish(wanted, still, guard)
}

/// Which part of a picture goes where.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    part: Part,
    /// The size of the part when it is drawn.
    drawn: (u32, u32),
    /// The size of the whole; the part is drawn in its middle.
    pub size: (u32, u32),
    whole: (u32, u32),
}

impl Plan {
    pub fn new(width: u32, height: u32, ask: &Ask) -> Result<Plan, Refused> {
        let (wide, high) = (f64::from(width), f64::from(height));
        let asked = |side: Option<u32>| side.map(|side| f64::from(side.max(1)));
        let (across, down) =
            (asked(ask.width).map(|box_| box_ / wide), asked(ask.height).map(|box_| box_ / high));
        let (Some(across), Some(down)) = (across, down) else {
            let scale = across.or(down).unwrap_or(1.0).min(1.0);
            return Ok(Plan::scaled(width, height, scale));
        };
        match ask.fit {
            Fit::Inside => Ok(Plan::scaled(width, height, across.min(down).min(1.0))),
            Fit::Contain => {
                let larger = across.min(down).max(1.0);
                let plan = Plan::scaled(width, height, across.min(down).min(1.0));
                let size = (side(wide * across / larger), side(high * down / larger));
                let size = (size.0.max(plan.drawn.0), size.1.max(plan.drawn.1));
                afford(size.0, size.1, 40)?;
                Ok(Plan { size, ..plan })
            }
            Fit::Cover => {
                let scale = across.max(down);
                let size = (side(wide * across / scale.max(1.0)), side(high * down / scale.max(1.0)));
                let (part_width, part_height) = (wide * across / scale, high * down / scale);
                let (x, y) = ask.focus.map_or((0.5, 0.5), |(x, y)| (place(x), place(y)));
                let part = Part {
                    left: (x * wide - part_width / 2.0).clamp(0.0, (wide - part_width).max(0.0)),
                    top: (y * high - part_height / 2.0).clamp(0.0, (high - part_height).max(0.0)),
                    width: part_width.min(wide),
                    height: part_height.min(high),
                };
                Ok(Plan { part, drawn: size, size, whole: (width, height) })
            }
        }
    }

    fn scaled(width: u32, height: u32, scale: f64) -> Plan {
        let (wide, high) = (f64::from(width), f64::from(height));
        let size = (side(wide * scale), side(high * scale));
        let part = Part { left: 0.0, top: 0.0, width: wide, height: high };
        Plan { part, drawn: size, size, whole: (width, height) }
    }

    /// Draws the part; `clear` says whether what is beside it can be transparent.
    pub fn draw(&self, pixels: Pixels, clear: bool) -> Result<Pixels, Refused> {
        let drawn = if self.drawn == self.whole
            && self.part.width == f64::from(self.whole.0)
            && self.part.height == f64::from(self.whole.1)
        {
            pixels
        } else {
            pixels.resize(self.part, self.drawn.0, self.drawn.1)?
        };
        if self.size == self.drawn {
            return Ok(drawn);
        }
        Ok(if clear { drawn.clear().middle(self.size, 0) } else { drawn.opaque().middle(self.size, 255) })
    }
}

fn side(length: f64) -> u32 {
    (length.round() as u32).max(1)
}

fn place(at: f32) -> f64 {
    if at.is_finite() { f64::from(at).clamp(0.0, 1.0) } else { 0.5 }
}
