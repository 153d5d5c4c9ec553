//! Text shaping: font fallback, widths and line breaking.
use std::{ops::Range, sync::LazyLock};

use harfrust::{Direction, GlyphInfo, GlyphPosition, ShapeOptions, ShaperData, UnicodeBuffer};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::{
    FontRef, MetadataProvider,
    charmap::Charmap,
    instance::{LocationRef, Size},
};
use unicode_linebreak::{BreakClass, break_property, linebreaks};

/// A font, loaded for shaping and for embedding.
pub struct Face {
    source: FontRef<'static>,
    charmap: Charmap<'static>,
    shaper: ShaperData,
    pub font: Font,
}

impl Face {
    fn new(bytes: &'static [u8]) -> Option<Self> {
        let source = FontRef::new(bytes).ok()?;
        Some(Face {
            charmap: source.charmap(),
            shaper: ShaperData::new(&source),
            font: Font::new(bytes.into(), 0)?,
            source,
        })
    }

    fn has(&self, c: char) -> bool {
        self.charmap.map(c).is_some()
    }

    /// Returns the glyph for characters that no font contains.
    fn missing_glyph(&self) -> u32 {
        self.charmap.map('□').map_or(0, |id| id.to_u32())
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

/// The embedded fonts. `None` only if a font file in the binary is corrupt.
pub static FONTS: LazyLock<Option<Fonts>> = LazyLock::new(|| {
    Some(Fonts {
        regular: Face::new(include_bytes!("../../../../../assets/fonts/Inter-Regular.otf"))?,
        strong: Face::new(include_bytes!("../../../../../assets/fonts/Inter-SemiBold.otf"))?,
        japanese: Face::new(include_bytes!("../../../../../assets/fonts/NotoSansCJKjp-Regular.otf"))?,
    })
});

/// Consecutive glyphs of one font.
pub struct Run {
    pub face: &'static Face,
    pub glyphs: Vec<KrillaGlyph>,
    pub width: f32,
}

/// A shaped line of text. Widths are in units of the font size.
pub struct Line {
    pub text: String,
    pub runs: Vec<Run>,
    pub width: f32,
}

/// Returns whether a character is invisible: joiners, direction marks, variation selectors.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Removes invisible characters, and replaces control characters with spaces.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Returns whether a character combines with the previous one.
fn is_combining(c: char) -> bool {
    matches!(break_property(c.into()), BreakClass::CombiningMark | BreakClass::EmojiModifier)
}

impl Fonts {
    fn face(&'static self, weight: Weight) -> &'static Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Strong => &self.strong,
        }
    }

    /// Shapes the text as one line.
    pub fn line(&'static self, text: &str, weight: Weight) -> Line {
        let text = clean(text);
        let mut runs = Vec::new();
        for (face, range) in self.runs_by_face(&text, weight) {
            let (face, glyphs) = match face {
                Some(face) => (face, shape(face, &text, range)),
                None => (self.face(weight), missing_glyphs(self.face(weight), &text, range)),
            };
            let width = glyphs.iter().map(|glyph| glyph.x_advance).sum();
            runs.push(Run { face, glyphs, width });
        }
        Line { width: runs.iter().map(|run| run.width).sum(), runs, text }
    }

    /// Splits the text into ranges that one font can show; `None` for ranges that no font can show.
    fn runs_by_face(&'static self, text: &str, weight: Weight) -> Vec<(Option<&'static Face>, Range<usize>)> {
        let mut ranges: Vec<(Option<&'static Face>, Range<usize>)> = Vec::new();
        for (at, c) in text.char_indices() {
            let end = at + c.len_utf8();
            let before = ranges.last().and_then(|(face, _)| *face);
            let fits = |face: &&'static Face| face.has(c);
            // Punctuation within Japanese text stays in the Japanese font. Spaces and ASCII characters return
            // to the text font.
            let same_face =
                before.filter(|face| is_combining(c) || (c != ' ' && face.has(c) && !c.is_ascii()));
            let face = same_face.or_else(|| [self.face(weight), &self.japanese].into_iter().find(fits));
            match ranges.last_mut() {
                Some((last, range)) if is_same(*last, face) || (is_combining(c) && face.is_none()) => {
                    range.end = end
                }
                _ => ranges.push((face, at..end)),
            }
        }
        ranges
    }

    /// Breaks the text into at most `max` lines of this width. Text that does not fit is cut with an
    /// ellipsis.
    pub fn lines(&'static self, text: &str, weight: Weight, width: f32, max: usize) -> Vec<Line> {
        let measure = |part: &str| self.line(part, weight).width;
        let mut lines: Vec<(String, f32)> = vec![(String::new(), 0.0)];
        let mut put = |part: &str, wide: f32| match lines.last_mut() {
            Some((line, used)) if line.is_empty() || *used + wide <= width => {
                line.push_str(part);
                *used += wide;
            }
            _ => lines.push((part.to_owned(), wide)),
        };
        for part in break_opportunities(&clean(text)) {
            let wide = measure(part.trim_end());
            if wide <= width {
                // A trailing space counts only if another part follows on the line.
                put(part, wide + measure(&part[part.trim_end().len()..]));
                continue;
            }
            for cluster in clusters(part) {
                put(cluster, measure(cluster));
            }
        }
        let cut = lines.len() > max;
        lines.truncate(max);
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

fn is_same(one: Option<&'static Face>, other: Option<&'static Face>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => std::ptr::eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Splits text where a line may break (UAX #14).
fn break_opportunities(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    linebreaks(text).map(move |(end, _)| &text[std::mem::replace(&mut start, end)..end])
}

/// Splits text into characters with their combining characters.
fn clusters(text: &str) -> Vec<&str> {
    let starts: Vec<usize> =
        text.char_indices().filter(|(at, c)| *at == 0 || !is_combining(*c)).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

/// Shapes a range of the text with one font.
fn shape(face: &'static Face, text: &str, range: Range<usize>) -> Vec<KrillaGlyph> {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text[range.clone()]);
    buffer.guess_segment_properties();
    // Always left to right: the text ranges below require ascending clusters.
    buffer.set_direction(Direction::LeftToRight);
    let output = face.shaper.shaper(&face.source).build().shape(buffer, ShapeOptions::new());
    let (em, missing) = (face.font.units_per_em(), face.missing_glyph());
    let infos = output.glyph_infos();
    let glyph = |(at, (info, position)): (usize, (&GlyphInfo, &GlyphPosition))| {
        let next = infos[at..].iter().map(|other| other.cluster).find(|cluster| *cluster != info.cluster);
        let end = next.map_or(range.end, |cluster| range.start + cluster as usize);
        KrillaGlyph::new(
            GlyphId::new(if info.glyph_id == 0 { missing } else { info.glyph_id }),
            position.x_advance as f32 / em,
            position.x_offset as f32 / em,
            position.y_offset as f32 / em,
            position.y_advance as f32 / em,
            range.start + info.cluster as usize..end,
            None,
        )
    };
    infos.iter().zip(output.glyph_positions()).enumerate().map(glyph).collect()
}

/// Returns a box glyph for each character. Text that is copied from the PDF still contains the characters.
fn missing_glyphs(face: &'static Face, text: &str, range: Range<usize>) -> Vec<KrillaGlyph> {
    let id = face.missing_glyph();
    let metrics = face.source.glyph_metrics(Size::unscaled(), LocationRef::default());
    let advance = metrics.advance_width(id.into()).unwrap_or_default() / face.font.units_per_em();
    let mut at = range.start;
    let glyph = |cluster: &str| {
        at += cluster.len();
        let range = at - cluster.len()..at;
        KrillaGlyph::new(GlyphId::new(id), advance, 0.0, 0.0, 0.0, range, None)
    };
    clusters(&text[range]).into_iter().map(glyph).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, width: f32, max: usize) -> Vec<String> {
        let fonts = FONTS.as_ref().unwrap_or_else(|| panic!("a font is corrupt"));
        let lines = fonts.lines(text, Weight::Regular, width, max);
        for line in &lines {
            assert!(line.width <= width, "{} is {} wide", line.text, line.width);
            let glyphs = line.runs.iter().flat_map(|run| &run.glyphs);
            assert!(glyphs.clone().all(|glyph| line.text.get(glyph.text_range.clone()).is_some()));
            assert!(glyphs.clone().all(|glyph| glyph.glyph_id.to_u32() != 0), "{}", line.text);
        }
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn breaks_lines_at_allowed_positions() {
        assert_eq!(lines("", 5.0, 2), [""]);
        assert_eq!(lines("Evil Rabbit", 20.0, 2), ["Evil Rabbit"]);
        assert_eq!(lines("Evil Rabbit", 4.0, 2), ["Evil", "Rabbit"]);
        assert_eq!(lines("株式会社。", 4.2, 2), ["株式会", "社。"]);
        assert_eq!(lines("one two three four", 5.0, 1), ["one two…"]);
        assert_eq!(lines(&"W".repeat(9), 4.2, 9).concat(), "W".repeat(9));
    }

    #[test]
    fn shapes_any_unicode_text() {
        for text in [
            "🐇",
            "\u{202e}\u{200f}",
            "\u{301}",
            "שָׁלוֹם",
            "مرحبا بالعالم",
            "ไทย",
            "a\u{301}\u{5b0}",
            "👩‍👩‍👧 👍🏽",
            "\0\t\r\n",
            "\u{10ffff}\u{e000}",
            "𠮷野家",
            "か\u{3099}",
        ] {
            for width in [3.0, 20.0] {
                assert!(lines(&text.repeat(30), width, 3).len() <= 3, "{text}");
            }
        }
    }
}
