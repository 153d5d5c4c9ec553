//! Animations: GIF, APNG and animated WebP are decoded to complete frames, and encoded as the parts that change.
use super::{
    Format, ImageError, SanitizedImage, blur, gif, guard::Guard, limits, pixels::Pixels, png, variant::Plan,
    webp,
};

/// A decoded animation.
pub trait Frames {
    fn size(&self) -> (u32, u32);
    fn count(&self) -> usize;
    /// Returns how often the animation is played. 0 means forever.
    fn plays(&self) -> u16;
    /// Returns whether the frames are encoded losslessly.
    fn lossless(&self) -> bool;
    /// Returns the next complete frame as RGBA, and its duration in milliseconds.
    fn next_frame(&mut self) -> Result<Option<(Pixels, u32)>, ImageError>;
}

/// An encoder of complete frames.
pub trait FrameSink {
    fn write(&mut self, frame: Pixels, milliseconds: u32) -> Result<(), ImageError>;
    fn finish(self: Box<Self>) -> Result<(), ImageError>;
}

/// Opens an animation, after checking its size and its number of frames. `None` for a still image.
pub fn open<'a>(
    format: Format,
    bytes: &'a [u8],
    guard: &'a Guard,
) -> Result<Option<Box<dyn Frames + 'a>>, ImageError> {
    let frames: Box<dyn Frames> = match format {
        Format::Gif => Box::new(gif::Animation::open(bytes, guard)?),
        Format::Png => match png::Animation::open(bytes, guard)? {
            Some(animation) => Box::new(animation),
            None => return Ok(None),
        },
        Format::Webp => match webp::Animation::open(bytes, guard)? {
            Some(animation) => Box::new(animation),
            None => return Ok(None),
        },
        Format::Jpeg => return Ok(None),
    };
    Ok(Some(frames))
}

/// Checks the limits of an animation before memory is allocated for its frames.
pub fn check(width: u32, height: u32, frames: usize, guard: &Guard) -> Result<(), ImageError> {
    if frames > limits::MAX_FRAMES {
        return Err(ImageError::TooManyFrames);
    }
    // 24 bytes per pixel: the canvas of the decoder, its copy for disposal, the frame, the previous frame, the changed
    // part, and the encoder.
    guard.check_dimensions(width, height, 240)?;
    let area = u64::from(width) * u64::from(height) * frames as u64;
    if area > guard.limits.animation() { Err(ImageError::TooManyPixels) } else { Ok(()) }
}

/// Encodes all frames in a format, drawn by a plan. JPEG has no animations.
pub fn encode(
    frames: &mut dyn Frames,
    plan: Option<&Plan>,
    format: Format,
    guard: &Guard,
) -> Result<SanitizedImage, ImageError> {
    let (width, height) = plan.map_or(frames.size(), |plan| plan.size);
    let (count, plays) = (frames.count(), frames.plays());
    let lossless = frames.lossless() && plan.is_none();
    let mut output = guard.output();
    let mut sink: Box<dyn FrameSink + '_> = match format {
        Format::Gif => Box::new(gif::Writer::new(&mut output, (width, height), plays, guard)?),
        Format::Png => Box::new(png::Writer::new(&mut output, (width, height), count, plays, guard)?),
        Format::Webp => {
            let area = u64::from(width) * u64::from(height) * count as u64;
            Box::new(webp::Writer::new(&mut output, (width, height), area, plays, lossless, guard)?)
        }
        Format::Jpeg => return Err(ImageError::UnsupportedEncoding),
    };
    let mut placeholders = None;
    while let Some((frame, milliseconds)) = frames.next_frame()? {
        let drawn = match plan {
            Some(plan) => plan.draw(frame, true, &guard.limits)?,
            None => frame,
        };
        if placeholders.is_none() {
            placeholders = Some(blur::placeholders(&drawn)?);
        }
        sink.write(drawn, milliseconds)?;
        guard.check()?;
    }
    let (blurhash, dominant_color) = placeholders.ok_or_else(|| guard.cause(ImageError::Corrupt))?;
    sink.finish()?;
    let mut bytes = output.bytes;
    if format == Format::Webp {
        webp::set_size(&mut bytes);
    }
    Ok(SanitizedImage { format, width, height, blurhash, dominant_color, bytes })
}

/// A part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

impl Area {
    pub fn is_inside(self, canvas: &Pixels) -> bool {
        let fits =
            |start: u32, length: u32, max: u32| start.checked_add(length).is_some_and(|end| end <= max);
        fits(self.left, self.width, canvas.width) && fits(self.top, self.height, canvas.height)
    }
}

/// Returns the part in which a frame differs from the previous one; all of the first frame. `left` and `top` are even, which
/// WebP requires. If the frames are equal, the area is the first pixel.
pub fn changed_area(previous: Option<&Pixels>, frame: &Pixels) -> Area {
    let Some(previous) = previous else {
        return Area { left: 0, top: 0, width: frame.width, height: frame.height };
    };
    let row = frame.width as usize * frame.channels;
    let (mut top, mut bottom, mut left, mut right) = (u32::MAX, 0, u32::MAX, 0);
    let lines = previous.data.chunks_exact(row).zip(frame.data.chunks_exact(row));
    for (y, (before, after)) in (0_u32..).zip(lines) {
        if before == after {
            continue;
        }
        (top, bottom) = (top.min(y), y + 1);
        let differs = |(before, after): (&[u8], &[u8])| before != after;
        let pixels = || before.chunks_exact(frame.channels).zip(after.chunks_exact(frame.channels));
        let first = pixels().position(differs).unwrap_or(0) as u32;
        let last = pixels().rposition(differs).unwrap_or(0) as u32;
        (left, right) = (left.min(first), right.max(last + 1));
    }
    if bottom == 0 {
        return Area { left: 0, top: 0, width: 1, height: 1 };
    }
    let (left, top) = (left & !1, top & !1);
    Area { left, top, width: right - left, height: bottom - top }
}

/// Copies a part of a frame.
pub fn cut(frame: &Pixels, area: Area) -> Pixels {
    let mut part = Pixels::new(area.width, area.height, frame.channels);
    let (row, part_row) = (frame.width as usize * frame.channels, area.width as usize * frame.channels);
    let left = area.left as usize * frame.channels;
    let lines = frame.data.chunks_exact(row).skip(area.top as usize);
    for (to, from) in part.data.chunks_exact_mut(part_row).zip(lines) {
        to.copy_from_slice(&from[left..left + part_row]);
    }
    part
}

/// Removes the alpha channel of an opaque part.
pub fn without_opaque_alpha(part: Pixels) -> Pixels {
    let opaque = part.channels == 4 && part.data.chunks_exact(4).all(|pixel| pixel[3] == 255);
    if opaque { part.flatten_on_white() } else { part }
}

/// Composites a color over another one.
pub fn blend(below: [u8; 4], above: [u8; 4]) -> [u8; 4] {
    match above[3] {
        255 => return above,
        0 => return below,
        _ => {}
    }
    let (alpha, alpha_below) = (u32::from(above[3]), u32::from(below[3]));
    // In units of 1/65,025.
    let remaining = alpha_below * (255 - alpha);
    let total = alpha * 255 + remaining;
    let mix = |channel: usize| {
        let sum = u32::from(above[channel]) * alpha * 255 + u32::from(below[channel]) * remaining;
        ((sum + total / 2) / total) as u8
    };
    [mix(0), mix(1), mix(2), ((total + 127) / 255) as u8]
}
