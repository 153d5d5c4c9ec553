//! A page that is drawn on: text with its place in the document's structure, and ornaments without one.
use krilla::{
    color::rgb,
    geom::{PathBuilder, Point, Rect, Transform},
    num::NormalizedF32,
    paint::{Fill, FillRule},
    surface::Surface,
    tagging::{Artifact, ArtifactType, ContentTag, Identifier, SpanTag},
};

use super::fonts::{Fonts, Line, Weight};

/// The colours of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Text,
    Faint,
    Accent,
    Good,
    Warning,
    Bad,
    Rule,
    Panel,
    Mark,
    Paper,
}

impl Ink {
    fn fill(self) -> Fill {
        let (r, g, b) = match self {
            Ink::Text => (0x1c, 0x24, 0x30),
            Ink::Faint => (0x5f, 0x6b, 0x7a),
            Ink::Accent => (0x1f, 0x3a, 0x5f),
            Ink::Good => (0x1a, 0x7a, 0x4c),
            Ink::Warning => (0x9a, 0x5b, 0x00),
            Ink::Bad => (0xb3, 0x26, 0x1e),
            Ink::Rule => (0xd5, 0xdb, 0xe3),
            Ink::Panel => (0xf3, 0xf5, 0xf8),
            Ink::Mark => (0xe4, 0xe9, 0xf0),
            Ink::Paper => (0xff, 0xff, 0xff),
        };
        let paint = rgb::Color::new(r, g, b).into();
        Fill { paint, opacity: NormalizedF32::ONE, rule: FillRule::NonZero }
    }
}

/// How a piece of text looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub size: f32,
    pub weight: Weight,
    pub ink: Ink,
}

pub const fn look(size: f32, weight: Weight, ink: Ink) -> Look {
    Look { size, weight, ink }
}

/// The side of a place on which a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It begins there.
    Right,
    /// It ends there.
    Left,
}

pub struct Sheet<'a> {
    surface: Surface<'a>,
    pub fonts: &'static Fonts,
}

impl<'a> Sheet<'a> {
    pub fn new(surface: Surface<'a>, fonts: &'static Fonts) -> Self {
        Sheet { surface, fonts }
    }

    /// One line that begins or ends at `x` on the baseline `y`.
    pub fn text(&mut self, (x, y): (f32, f32), side: Side, text: &str, look: Look) -> Identifier {
        let line = self.fonts.line(text, look.weight);
        self.line((x, y), side, &line, look)
    }

    pub fn line(&mut self, (x, y): (f32, f32), side: Side, line: &Line, look: Look) -> Identifier {
        let start = if side == Side::Left { x - line.width * look.size } else { x };
        let id = self.surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        self.glyphs((start, y), line, look);
        self.surface.end_tagged();
        id
    }

    /// Text under text, each line `leading` below the one before; ends below the last one.
    pub fn lines(
        &mut self,
        (x, y): (f32, f32),
        lines: &[Line],
        look: Look,
        leading: f32,
    ) -> (Vec<Identifier>, f32) {
        let mut at = y;
        let mut ids = Vec::new();
        for line in lines {
            ids.push(self.line((x, at), Side::Right, line, look));
            at += leading;
        }
        (ids, at)
    }

    fn glyphs(&mut self, (x, y): (f32, f32), line: &Line, look: Look) {
        self.surface.set_fill(Some(look.ink.fill()));
        let mut at = x;
        for run in &line.runs {
            let start = Point::from_xy(at, y);
            self.surface.draw_glyphs(start, &run.glyphs, run.face.font.clone(), &line.text, look.size, false);
            at += run.width * look.size;
        }
    }

    /// A filled box.
    pub fn panel(&mut self, (x, y): (f32, f32), width: f32, height: f32, ink: Ink) {
        let mut path = PathBuilder::new();
        let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
        path.push_rect(rect);
        let Some(path) = path.finish() else { return };
        self.ornament(ArtifactType::Layout);
        self.surface.set_fill(Some(ink.fill()));
        self.surface.draw_path(&path);
        self.surface.end_tagged();
    }

    /// A line from side to side.
    pub fn rule(&mut self, (x, y): (f32, f32), width: f32, ink: Ink) {
        self.panel((x, y), width, 0.75, ink);
    }

    /// A large word across the page, under all else.
    pub fn mark(&mut self, (width, height): (f32, f32), word: &str) {
        let line = self.fonts.line(word, Weight::Strong);
        let size = (width * 0.86 / line.width.max(0.1)).min(190.0);
        let (turn, half) = (-32.0_f32, line.width * size / 2.0);
        self.ornament(ArtifactType::Watermark);
        self.surface.push_transform(&Transform::from_rotate_at(turn, width / 2.0, height * 0.64));
        let start = (width / 2.0 - half, height * 0.64 + size * 0.35);
        self.glyphs(start, &line, look(size, Weight::Strong, Ink::Mark));
        self.surface.pop();
        self.surface.end_tagged();
    }

    fn ornament(&mut self, kind: ArtifactType) {
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
    }

    pub fn finish(self) {
        self.surface.finish();
    }
}
