//! Text made into glyphs: fonts that stand in for each other, widths, and lines.
use std::{ops::Range, sync::LazyLock};

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, Face as Shaper, UnicodeBuffer};

/// One font, for the shaping and for the page.
pub struct Face {
    shaper: Shaper<'static>,
    pub font: Font,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        Some(Face { shaper: Shaper::from_slice(bytes, 0)?, font: Font::new(bytes.into(), 0)? })
    }

    fn has(&self, c: char) -> bool {
        self.shaper.glyph_index(c).is_some()
    }

    /// The glyph that stands for a character that no font has.
    fn unknown(&self) -> u32 {
        self.shaper.glyph_index('□').map_or(0, |id| u32::from(id.0))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Strong,
}

pub struct Fonts {
    regular: Face,
    strong: Face,
    japanese: Face,
}

/// `None` only when this binary was built with broken fonts.
pub static FONTS: LazyLock<Option<Fonts>> = LazyLock::new(|| {
    Some(Fonts {
        regular: Face::new(include_bytes!("../../../../assets/fonts/Inter-Regular.otf"))?,
        strong: Face::new(include_bytes!("../../../../assets/fonts/Inter-SemiBold.otf"))?,
        japanese: Face::new(include_bytes!("../../../../assets/fonts/NotoSansCJKjp-Regular.otf"))?,
    })
});

/// Glyphs of one font.
pub struct Run {
    pub face: &'static Face,
    pub glyphs: Vec<KrillaGlyph>,
    pub width: f32,
}

/// A line of text, ready to be drawn; widths are parts of the font's size.
pub struct Line {
    pub text: String,
    pub runs: Vec<Run>,
    pub width: f32,
}

/// Characters that only say how their neighbours are shown.
fn silent(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The text without control characters and what would show nothing.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !silent(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Characters that belong to the one before.
fn joined(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}'
        | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Scripts that are written without spaces: a line may end after each character.
fn unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

impl Fonts {
    fn of(&'static self, weight: Weight) -> &'static Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }

    /// The text as one line.
    pub fn line(&'static self, text: &str, weight: Weight) -> Line {
        let text = clean(text);
        let mut runs = Vec::new();
        for (face, range) in self.pieces(&text, weight) {
            let (face, glyphs) = match face {
                Some(face) => (face, shaped(face, &text, range)),
                None => (self.of(weight), missing(self.of(weight), &text, range)),
            };
            let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
            runs.push(Run { face, glyphs, width });
        }
        Line { width: runs.iter().map(|run| run.width).sum(), runs, text }
    }

    /// The text in stretches that one font can show; `None` for those that none can.
    fn pieces(&'static self, text: &str, weight: Weight) -> Vec<(Option<&'static Face>, Range<usize>)> {
        let mut pieces: Vec<(Option<&'static Face>, Range<usize>)> = Vec::new();
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let before = pieces.last().and_then(|(face, _)| *face);
            let fits = |face: &&'static Face| face.has(c);
            let kept = before.filter(|face| joined(c) || (c != ' ' && face.has(c) && !c.is_ascii()));
            let face = kept.or_else(|| [self.of(weight), &self.japanese].into_iter().find(fits));
            match pieces.last_mut() {
                Some((last, range)) if same(*last, face) || (joined(c) && face.is_none()) => range.end = end,
                _ => pieces.push((face, at..end)),
            }
        }
        pieces
    }

    /// The text in at most `most` lines of this width; what is left over gives way to an ellipsis.
    pub fn lines(&'static self, text: &str, weight: Weight, width: f32, most: usize) -> Vec<Line> {
        let measure = |part: &str| self.line(part, weight).width;
        let mut lines: Vec<(String, f32)> = vec![(String::new(), 0.0)];
        let mut put = |part: &str, wide: f32| match lines.last_mut() {
            Some((line, used)) if line.is_empty() || *used + wide <= width => {
                line.push_str(part);
                *used += wide;
            }
            _ => lines.push((part.to_owned(), wide)),
        };
        for part in parts(&clean(text)) {
            let wide = measure(part.trim_end());
            if wide <= width {
                // The space at the end of a line takes no room there, and does before another word.
                put(part, wide + measure(&part[part.trim_end().len()..]));
                continue;
            }
            for letter in letters(part) {
                put(letter, measure(letter));
            }
        }
        let cut = lines.len() > most;
        lines.truncate(most);
        let mut lines: Vec<String> = lines.into_iter().map(|(line, _)| line.trim_end().to_owned()).collect();
        if let Some(last) = lines.last_mut().filter(|_| cut) {
            last.push('…');
            while measure(last) > width && last.chars().count() > 1 {
                last.truncate(last.len() - '…'.len_utf8());
                last.pop();
                last.push('…');
            }
        }
        lines.into_iter().map(|line| self.line(&line, weight)).collect()
    }
}

fn same(one: Option<&'static Face>, other: Option<&'static Face>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Words with the spaces behind them, and characters of scripts without spaces.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut before) = (0, None);
    for (at, c) in text.char_indices() {
        let ends = |before: char| {
            !joined(c) && ((before == ' ' && c != ' ') || (unspaced(before) && unspaced(c) && !closing(c)))
        };
        if before.is_some_and(ends) {
            parts.push(&text[start..at]);
            start = at;
        }
        before = Some(c);
    }
    parts.push(&text[start..]);
    parts
}

/// What no line starts with.
fn closing(c: char) -> bool {
    matches!(c, '、' | '。' | '）' | '」' | '』' | '】' | '，' | '．' | '：' | '！' | '？' | 'ー' | '々')
}

/// Characters, each with those that belong to it.
fn letters(text: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        text.char_indices().filter(|(at, c)| *at == 0 || !joined(*c)).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

fn shaped(face: &'static Face, text: &str, range: Range<usize>) -> Vec<KrillaGlyph> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text[range.clone()]);
    buffer.guess_segment_properties();
    buffer.set_direction(Direction::LeftToRight);
    let shaped = rustybuzz::shape(&face.shaper, &[], buffer);
    let (em, unknown) = (face.font.units_per_em(), face.unknown());
    let infos = shaped.glyph_infos();
    let glyph = |(at, (info, place)): (usize, (&rustybuzz::GlyphInfo, &rustybuzz::GlyphPosition))| {
        let next = infos[at..].iter().map(|other| other.cluster).find(|cluster| *cluster != info.cluster);
        let end = next.map_or(range.end, |cluster| range.start + cluster as usize);
        KrillaGlyph::new(
            GlyphId::new(if info.glyph_id == 0 { unknown } else { info.glyph_id }),
            place.x_advance as f32 / em,
            place.x_offset as f32 / em,
            place.y_offset as f32 / em,
            place.y_advance as f32 / em,
            range.start + info.cluster as usize..end,
            None,
        )
    };
    infos.iter().zip(shaped.glyph_positions()).enumerate().map(glyph).collect()
}

/// A box for each character; copied from the page, it is the character still.
fn missing(face: &'static Face, text: &str, range: Range<usize>) -> Vec<KrillaGlyph> {
    let id = face.unknown();
    let advance = face.shaper.glyph_hor_advance(rustybuzz::ttf_parser::GlyphId(id as u16));
    let advance = f32::from(advance.unwrap_or_default()) / face.font.units_per_em();
    let mut at = range.start;
    let glyph = |letter: &str| {
        at += letter.len();
        let range = at - letter.len()..at;
        KrillaGlyph::new(GlyphId::new(id), advance, 0.0, 0.0, 0.0, range, None)
    };
    letters(&text[range]).into_iter().map(glyph).collect()
}
