//! GIF: every frame is decoded and coded anew, with its own sorted palette, and keeps its time and place.
use gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, Encoder, EncodingError, Frame,
    MemoryLimit, Repeat,
};

use super::{
    Clean, Format, Refused, Still, blur,
    guard::{Guard, Input, afford},
    limits,
    palette::Palette,
    pixels::Pixels,
    variant::{Ask, Plan},
};

/// A frame's pixels are one byte each.
const FRAME: u64 = limits::PIXELS;

fn open<'a>(bytes: &'a [u8], guard: &'a Guard) -> Result<Decoder<Input<'a>>, Refused> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.check_frame_consistency(true);
    options.set_memory_limit(FRAME.try_into().map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let decoder = options.read_info(guard.input(bytes)).map_err(|_| guard.blame(Refused::Broken))?;
    // A frame is read, drawn on a whole screen, kept for the next and drawn anew.
    afford(decoder.width().into(), decoder.height().into(), 130)?;
    Ok(decoder)
}

fn colours<'a>(
    frame: &'a Frame<'_>,
    global: Option<&'a [u8]>,
) -> Result<impl Iterator<Item = [u8; 4]> + Clone + use<'a>, Refused> {
    let palette = frame.palette.as_deref().or(global).ok_or(Refused::Broken)?;
    let transparent = frame.transparent;
    Ok(frame.buffer.iter().map(move |index| {
        let at = usize::from(*index) * 3;
        match palette.get(at..at + 3) {
            Some([red, green, blue]) if transparent != Some(*index) => [*red, *green, *blue, 255],
            _ => [0; 4],
        }
    }))
}

/// The first frame on a transparent screen.
fn draw(screen: &mut Pixels, frame: &Frame<'_>, global: Option<&[u8]>) -> Result<(), Refused> {
    let wide = usize::from(frame.width);
    for (place, colour) in colours(frame, global)?.enumerate() {
        let (x, y) = (place % wide + usize::from(frame.left), place / wide + usize::from(frame.top));
        let at = (y * screen.width as usize + x) * 4;
        if let Some(pixel) = screen.data.get_mut(at..at + 4).filter(|_| colour[3] > 0) {
            pixel.copy_from_slice(&colour);
        }
    }
    Ok(())
}

pub fn first(bytes: &[u8], guard: &Guard) -> Result<Still, Refused> {
    let mut decoder = open(bytes, guard)?;
    let failed = |_: DecodingError| guard.blame(Refused::Broken);
    let mut screen = Pixels::new(decoder.width().into(), decoder.height().into(), 4);
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.read_next_frame().map_err(failed)?.ok_or(Refused::Broken)?;
    draw(&mut screen, frame, global.as_deref())?;
    guard.check()?;
    Ok(Still { pixels: screen, lossless: true })
}

pub fn clean(bytes: &[u8], guard: &Guard) -> Result<Clean, Refused> {
    let blurhash = blur::hash(&first(bytes, guard)?.pixels)?;
    let mut decoder = open(bytes, guard)?;
    let (width, height) = (decoder.width(), decoder.height());
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let wrong = |_: EncodingError| guard.blame(Refused::Broken);
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, width, height, &[]).map_err(wrong)?;
    let mut frames = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(|_| guard.blame(Refused::Broken))? {
        if frames == limits::FRAMES {
            return Err(Refused::TooManyFrames);
        }
        let anew = anew(frame, global.as_deref())?;
        if frames == 0 && decoder.repeat() != Repeat::default() {
            encoder.set_repeat(decoder.repeat()).map_err(wrong)?;
        }
        encoder.write_frame(&anew).map_err(wrong)?;
        frames += 1;
        guard.check()?;
    }
    if frames == 0 {
        return Err(guard.blame(Refused::Broken));
    }
    drop(encoder);
    let bytes = output.bytes;
    Ok(Clean { format: Format::Gif, width: width.into(), height: height.into(), blurhash, bytes })
}

fn anew(frame: &Frame<'_>, global: Option<&[u8]>) -> Result<Frame<'static>, Refused> {
    let palette = Palette::of(colours(frame, global)?).ok_or(Refused::Broken)?;
    let transparent = palette.transparent();
    Ok(Frame {
        delay: frame.delay,
        dispose: frame.dispose,
        transparent,
        needs_user_input: false,
        top: frame.top,
        left: frame.left,
        width: frame.width,
        height: frame.height,
        interlaced: false,
        palette: Some(palette.opaque()),
        buffer: palette.indices.into(),
    })
}

/// All frames in another size. Each is drawn whole, because parts of frames do not shrink to whole pixels.
pub fn variant(bytes: &[u8], ask: &Ask, guard: &Guard) -> Result<Clean, Refused> {
    let mut decoder = open(bytes, guard)?;
    let mut screen = Pixels::new(decoder.width().into(), decoder.height().into(), 4);
    let plan = Plan::new(screen.width, screen.height, ask)?;
    let (width, height) = plan.size;
    let (Ok(wide), Ok(high)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(Refused::TooManyPixels);
    };
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let wrong = |_: EncodingError| guard.blame(Refused::Broken);
    let mut output = guard.output();
    let mut encoder = Encoder::new(&mut output, wide, high, &[]).map_err(wrong)?;
    let mut blurhash = None;
    while let Some(frame) = decoder.read_next_frame().map_err(|_| guard.blame(Refused::Broken))? {
        let before = (frame.dispose == DisposalMethod::Previous).then(|| screen.clone());
        draw(&mut screen, frame, global.as_deref())?;
        let shown = plan.draw(screen.clone(), true)?;
        let (delay, cleared) =
            (frame.delay, (frame.dispose == DisposalMethod::Background).then(|| place(frame)));
        if blurhash.is_none() {
            blurhash = Some(blur::hash(&shown)?);
            if decoder.repeat() != Repeat::default() {
                encoder.set_repeat(decoder.repeat()).map_err(wrong)?;
            }
        }
        encoder.write_frame(&whole(shown, delay, guard)?).map_err(wrong)?;
        if let Some(place) = cleared {
            clear(&mut screen, place);
        }
        screen = before.unwrap_or(screen);
        guard.check()?;
    }
    drop(encoder);
    let blurhash = blurhash.ok_or_else(|| guard.blame(Refused::Broken))?;
    Ok(Clean { format: Format::Gif, width, height, blurhash, bytes: output.bytes })
}

type Place = (std::ops::Range<usize>, std::ops::Range<usize>);

/// The columns and rows of a frame.
fn place(frame: &Frame<'_>) -> Place {
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    (left..left + usize::from(frame.width), top..top + usize::from(frame.height))
}

fn clear(screen: &mut Pixels, (columns, rows): Place) {
    let wide = screen.width as usize;
    for row in rows {
        let line = (row * wide + columns.start) * 4..(row * wide + columns.end) * 4;
        if let Some(line) = screen.data.get_mut(line) {
            line.fill(0);
        }
    }
}

/// A frame that fills the screen and leaves nothing for the next.
fn whole(pixels: Pixels, delay: u16, guard: &Guard) -> Result<Frame<'static>, Refused> {
    let (Ok(width), Ok(height)) = (u16::try_from(pixels.width), u16::try_from(pixels.height)) else {
        return Err(Refused::TooManyPixels);
    };
    // What is half transparent becomes opaque or clear: a GIF knows nothing between.
    let mut colours: Vec<[u8; 4]> = pixels.colours().map(sharp).collect();
    drop(pixels);
    guard.check()?;
    let mut frame = match Palette::of(colours.iter().copied()) {
        Some(palette) => {
            let transparent = palette.transparent();
            let palette_bytes = palette.opaque();
            Frame {
                width,
                height,
                transparent,
                palette: Some(palette_bytes),
                buffer: palette.indices.into(),
                ..Frame::default()
            }
        }
        None => Frame::from_rgba_speed(width, height, colours.as_flattened_mut(), SPEED),
    };
    frame.delay = delay;
    frame.dispose = DisposalMethod::Background;
    guard.check()?;
    Ok(frame)
}

fn sharp([red, green, blue, alpha]: [u8; 4]) -> [u8; 4] {
    if alpha < 128 { [0; 4] } else { [red, green, blue, 255] }
}

/// A picture that stands still.
pub fn encode(pixels: Pixels, guard: &Guard) -> Result<Vec<u8>, Refused> {
    afford(pixels.width, pixels.height, 100)?;
    let frame = whole(pixels, 0, guard)?;
    let mut output = guard.output();
    let wrong = |_: EncodingError| guard.blame(Refused::Broken);
    let mut encoder = Encoder::new(&mut output, frame.width, frame.height, &[]).map_err(wrong)?;
    encoder.write_frame(&frame).map_err(wrong)?;
    drop(encoder);
    Ok(output.bytes)
}

/// Of finding 256 colours, from 1 (best) to 30.
const SPEED: i32 = 10;
