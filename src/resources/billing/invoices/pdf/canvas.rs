//! The drawing surface of a page. Text is tagged for the structure tree; decorations are tagged as artifacts.
use krilla::{
    color::rgb,
    geom::{PathBuilder, Point, Rect, Transform},
    num::NormalizedF32,
    paint::{Fill, FillRule},
    surface::Surface,
    tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag},
};

use super::fonts::{Fonts, Line, Weight};

/// The colors of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    Text,
    Faint,
    Accent,
    Good,
    Warning,
    Bad,
    Rule,
    Panel,
    Watermark,
    Paper,
}

impl Color {
    fn fill(self) -> Fill {
        let (r, g, b) = match self {
            Color::Text => (0x1c, 0x24, 0x30),
            Color::Faint => (0x5f, 0x6b, 0x7a),
            Color::Accent => (0x1f, 0x3a, 0x5f),
            Color::Good => (0x1a, 0x7a, 0x4c),
            Color::Warning => (0x9a, 0x5b, 0x00),
            Color::Bad => (0xb3, 0x26, 0x1e),
            Color::Rule => (0xd5, 0xdb, 0xe3),
            Color::Panel => (0xf3, 0xf5, 0xf8),
            Color::Watermark => (0xe4, 0xe9, 0xf0),
            Color::Paper => (0xff, 0xff, 0xff),
        };
        let paint = rgb::Color::new(r, g, b).into();
        Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
    }
}

/// The size, weight and color of text.
#[derive(Debug, Clone, Copy)]
pub struct TextStyle {
    pub size: f32,
    pub weight: Weight,
    pub color: Color,
}

pub const fn style(size: f32, weight: Weight, color: Color) -> TextStyle {
    TextStyle { size, weight, color }
}

/// The alignment of text relative to its x coordinate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The text begins at x.
    Start,
    /// The text ends at x.
    End,
}

pub struct Canvas<'a> {
    surface: Surface<'a>,
    pub fonts: &'static Fonts,
}

impl<'a> Canvas<'a> {
    pub fn new(surface: Surface<'a>, fonts: &'static Fonts) -> Self {
        Canvas { surface, fonts }
    }

    /// Draws one line of text that begins or ends at `x` on the baseline `y`.
    pub fn text(&mut self, (x, y): (f32, f32), align: Align, text: &str, style: TextStyle) -> Identifier {
        let line = self.fonts.line(text, style.weight);
        self.line((x, y), align, &line, style)
    }

    /// Draws a shaped line, and returns its identifier in the structure tree.
    pub fn line(&mut self, (x, y): (f32, f32), align: Align, line: &Line, style: TextStyle) -> Identifier {
        let start = if align == Align::End { x - line.width * style.size } else { x };
        let id = self.surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        self.glyphs((start, y), line, style);
        self.surface.end_tagged();
        id
    }

    /// Draws lines with the distance `leading` between baselines. Returns the y coordinate below the last
    /// line.
    pub fn lines(
        &mut self,
        (x, y): (f32, f32),
        lines: &[Line],
        style: TextStyle,
        leading: f32,
    ) -> (Vec<Identifier>, f32) {
        let mut at = y;
        let mut ids = Vec::new();
        for line in lines {
            ids.push(self.line((x, at), Align::Start, line, style));
            at += leading;
        }
        (ids, at)
    }

    fn glyphs(&mut self, (x, y): (f32, f32), line: &Line, style: TextStyle) {
        self.surface.set_fill(Some(style.color.fill()));
        let mut at = x;
        for run in &line.runs {
            let start = Point::from_xy(at, y);
            self.surface.draw_glyphs(
                start,
                &run.glyphs,
                run.face.font.clone(),
                &line.text,
                style.size,
                false,
            );
            at += run.width * style.size;
        }
    }

    /// Draws a filled rectangle.
    pub fn panel(&mut self, (x, y): (f32, f32), width: f32, height: f32, color: Color) {
        let mut path = PathBuilder::new();
        let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
        path.push_rect(rect);
        let Some(path) = path.finish() else { return };
        self.start_artifact(ArtifactType::Layout);
        self.surface.set_fill(Some(color.fill()));
        self.surface.draw_path(&path);
        self.surface.end_tagged();
    }

    /// Draws a horizontal line.
    pub fn rule(&mut self, (x, y): (f32, f32), width: f32, color: Color) {
        self.panel((x, y), width, 0.75, color);
    }

    /// Draws large rotated text across the page. Call it first: later text covers it.
    pub fn watermark(&mut self, (width, height): (f32, f32), text: &str) {
        let line = self.fonts.line(text, Weight::Strong);
        let size = (width * 0.86 / line.width.max(0.1)).min(190.0);
        let (angle, half) = (-32.0_f32, line.width * size / 2.0);
        self.start_artifact(ArtifactType::Watermark);
        self.surface.push_transform(&Transform::from_rotate_at(angle, width / 2.0, height * 0.64));
        let start = (width / 2.0 - half, height * 0.64 + size * 0.35);
        self.glyphs(start, &line, style(size, Weight::Strong, Color::Watermark));
        self.surface.pop();
        self.surface.end_tagged();
    }

    fn start_artifact(&mut self, kind: ArtifactType) {
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    }

    pub fn finish(self) {
        self.surface.finish();
    }
}
