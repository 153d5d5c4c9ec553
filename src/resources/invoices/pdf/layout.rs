//! Where everything stands on the page.
use std::num::NonZeroU16;

use chrono::Days;
use krilla::{
    Document, SerializeSettings,
    metadata::Metadata,
    page::PageSettings,
    tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagKind, TagTree},
};

use super::{
    super::types::{Invoice, InvoiceStatus},
    Paper, Seller,
    figures::{date, money},
    fonts::{
        FONTS, Fonts,
        Weight::{Regular, Strong},
    },
    sheet::{Ink, Look, Sheet, Side, look},
    words::{Manner, Words, converted},
};
use crate::contract::date::Date;

const MARGIN: f32 = 56.0;
const LABEL: Look = look(8.5, Regular, Ink::Faint);
const BODY: Look = look(9.5, Regular, Ink::Text);
const STRONG: Look = look(9.5, Strong, Ink::Text);
const SMALL: Look = look(8.0, Regular, Ink::Faint);

struct Page<'a> {
    sheet: Sheet<'a>,
    tree: TagTree,
    manner: Manner,
    words: &'static Words,
    width: f32,
    height: f32,
    invoice: &'a Invoice,
    seller: &'a Seller,
}

/// The bytes of the PDF.
pub fn pdf(paper: &Paper) -> Result<Vec<u8>, String> {
    let fonts: &'static Fonts = FONTS.as_ref().ok_or("the fonts cannot be read")?;
    let manner = Manner::of(&paper.invoice.locale);
    let (width, height) = if manner.american { (612.0, 792.0) } else { (595.28, 841.89) };
    let settings = SerializeSettings { enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let format = PageSettings::from_wh(width, height).ok_or("there is no such format")?;
    let mut leaf = document.start_page_with(format);
    let page = Page {
        sheet: Sheet::new(leaf.surface(), fonts),
        tree: TagTree::new().with_lang(Some(manner.tag.to_owned())),
        manner,
        words: Words::of(manner.language),
        width,
        height,
        invoice: &paper.invoice,
        seller: &paper.seller,
    };
    let title = format!("{} {}", page.words.invoice, paper.invoice.number);
    let tree = page.draw();
    leaf.finish();
    document.set_tag_tree(tree);
    let metadata = Metadata::new()
        .title(title)
        .authors(paper.seller.name.iter().cloned().collect())
        .language(manner.tag.to_owned())
        .creator("Tenon".to_owned())
        .document_id(paper.invoice.id.to_string());
    document.set_metadata(metadata);
    document.finish().map_err(|error| format!("the page cannot be written: {error:?}"))
}

fn group(tag: impl Into<TagKind>, children: Vec<Node>) -> TagGroup {
    TagGroup::with_children(tag, children)
}

fn leaves(ids: Vec<Identifier>) -> Vec<Node> {
    ids.into_iter().map(Node::from).collect()
}

impl Page<'_> {
    fn right(&self) -> f32 {
        self.width - MARGIN
    }

    /// Everything, and how it hangs together.
    fn draw(mut self) -> TagTree {
        if matches!(self.invoice.status, InvoiceStatus::Draft | InvoiceStatus::Void) {
            let word = self.words.state(self.invoice.status).to_uppercase();
            self.sheet.mark((self.width, self.height), &word);
        }
        let below = self.heading();
        let below = self.customer(below).max(self.facts(below));
        let below = self.amounts(below + 26.0);
        let below = self.conversion(below + 30.0);
        self.note(below + 18.0);
        self.foot();
        self.sheet.finish();
        self.tree
    }

    /// Who sends it, and what it is.
    fn heading(&mut self) -> f32 {
        let title = format!("{} {}", self.words.invoice, self.invoice.number);
        let room = (self.width - 2.0 * MARGIN) * 0.42;
        let size = (room / self.sheet.fonts.line(&title, Strong).width).min(24.0);
        let heading = look(size, Strong, Ink::Accent);
        let id = self.sheet.text((self.right(), 78.0), Side::Left, &title, heading);
        let level = NonZeroU16::MIN;
        self.tree.push(group(Tag::Hn(level, Some(title)), vec![id.into()]));
        let name = look(14.0, Strong, Ink::Text);
        let mut y = 74.0;
        let fonts = self.sheet.fonts;
        let room = (self.width - 2.0 * MARGIN) * 0.55;
        if let Some(seller) = &self.seller.name {
            let lines = fonts.lines(seller, name.weight, room / name.size, 2);
            let (ids, below) = self.sheet.lines((MARGIN, y), &lines, name, 18.0);
            self.tree.push(group(Tag::P, leaves(ids)));
            y = below;
        }
        let address = look(9.0, Regular, Ink::Faint);
        let lines: Vec<_> = self
            .seller
            .address
            .iter()
            .take(6)
            .flat_map(|line| fonts.lines(line, Regular, room / 9.0, 2))
            .collect();
        let (ids, below) = self.sheet.lines((MARGIN, y), &lines, address, 13.0);
        if !ids.is_empty() {
            self.tree.push(group(Tag::P, leaves(ids)));
        }
        below.max(110.0) + 40.0
    }

    fn customer(&mut self, top: f32) -> f32 {
        let label = self.sheet.text((MARGIN, top), Side::Right, self.words.bill_to, LABEL);
        self.tree.push(group(Tag::P, vec![label.into()]));
        let Some(customer) = &self.invoice.customer else { return top };
        let (name, room) = (look(11.5, Strong, Ink::Text), (self.width - 2.0 * MARGIN) * 0.5);
        let fonts = self.sheet.fonts;
        let lines = fonts.lines(&customer.name, name.weight, room / name.size, 8);
        let (mut ids, below) = self.sheet.lines((MARGIN, top + 18.0), &lines, name, 15.0);
        let lines = fonts.lines(&customer.email, Regular, room / BODY.size, 3);
        let (more, below) = self.sheet.lines((MARGIN, below + 1.0), &lines, BODY, 13.0);
        ids.extend(more);
        self.tree.push(group(Tag::P, leaves(ids)));
        below
    }

    /// Number, days and status, label by label.
    fn facts(&mut self, top: f32) -> f32 {
        let (invoice, words) = (self.invoice, self.words);
        let ink = match invoice.status {
            InvoiceStatus::Paid => Ink::Good,
            InvoiceStatus::Pending => Ink::Warning,
            InvoiceStatus::Void => Ink::Bad,
            InvoiceStatus::Draft => Ink::Faint,
        };
        let mut facts = vec![
            (words.number, invoice.number.to_string(), STRONG),
            (words.date, date(invoice.date, self.manner), BODY),
        ];
        if let Some(due) = due(invoice, self.seller.payment_days) {
            facts.push((words.due, date(due, self.manner), BODY));
        }
        facts.push((words.status, words.state(invoice.status).to_owned(), Look { ink, ..STRONG }));
        let (mut y, mut rows) = (top, Vec::new());
        for (label, value, look) in facts {
            let label = self.sheet.text((self.width * 0.6, y), Side::Right, label, LABEL);
            let value = self.sheet.text((self.right(), y), Side::Left, &value, look);
            let head = group(Tag::TH(TableHeaderScope::Row), vec![label.into()]);
            rows.push(group(Tag::TR, vec![head.into(), group(Tag::TD, vec![value.into()]).into()]).into());
            y += 18.0;
        }
        self.tree.push(group(Tag::Table, vec![group(Tag::TBody, rows).into()]));
        y
    }

    /// The one line, and the total.
    fn amounts(&mut self, top: f32) -> f32 {
        let (words, inner) = (self.words, 10.0);
        let (left, right) = (MARGIN + inner, self.right() - inner);
        let width = self.width - 2.0 * MARGIN;
        let amount = money(self.invoice.amount, self.invoice.currency, self.manner);
        self.sheet.panel((MARGIN, top), width, 24.0, Ink::Accent);
        let label = Look { ink: Ink::Paper, weight: Strong, ..LABEL };
        let head = (
            self.sheet.text((left, top + 15.0), Side::Right, words.description, label),
            self.sheet.text((right, top + 15.0), Side::Left, words.amount, label),
        );
        let line = (
            self.sheet.text((left, top + 45.0), Side::Right, words.line, BODY),
            self.sheet.text((right, top + 45.0), Side::Left, &amount, BODY),
        );
        self.sheet.rule((MARGIN, top + 60.0), width, Ink::Rule);
        let total = format!("{} ({})", words.sum(self.invoice.status), self.invoice.currency);
        let large = look(17.0, Strong, Ink::Accent);
        let end = self.sheet.text((right, top + 91.0), Side::Left, &amount, large);
        let wide = self.sheet.fonts.line(&amount, Strong).width * large.size;
        let label = look(10.5, Strong, Ink::Text);
        let total = self.sheet.text((right - wide - 22.0, top + 90.0), Side::Left, &total, label);
        self.sheet.rule((self.width * 0.5, top + 106.0), self.right() - self.width * 0.5, Ink::Accent);
        let heads =
            [head.0, head.1].map(|id| group(Tag::TH(TableHeaderScope::Column), vec![id.into()]).into());
        let cells = |ids: [Identifier; 2]| {
            let cell = |id: Identifier| group(Tag::TD, vec![id.into()]).into();
            Node::from(group(Tag::TR, ids.map(cell).into()))
        };
        let head = group(Tag::THead, vec![group(Tag::TR, heads.into()).into()]);
        let body = group(Tag::TBody, vec![cells([line.0, line.1])]);
        let foot = group(Tag::TFoot, vec![cells([total, end])]);
        self.tree.push(group(Tag::Table, vec![head.into(), body.into(), foot.into()]));
        top + 106.0
    }

    /// What it was made out in, where that is another currency.
    fn conversion(&mut self, top: f32) -> f32 {
        let Some(original) = &self.invoice.original else { return top };
        let text = converted(original, self.invoice.currency, self.manner);
        let (width, inner) = (self.width - 2.0 * MARGIN, 10.0);
        let look = look(9.0, Regular, Ink::Text);
        let lines = self.sheet.fonts.lines(&text, look.weight, (width - 2.0 * inner) / look.size, 4);
        let height = 14.0 * lines.len() as f32 + 13.0;
        self.sheet.panel((MARGIN, top), width, height, Ink::Panel);
        let (ids, _) = self.sheet.lines((MARGIN + inner, top + 17.0), &lines, look, 14.0);
        self.tree.push(group(Tag::P, leaves(ids)));
        top + height + 10.0
    }

    /// What the seller has to say on every invoice.
    fn note(&mut self, top: f32) {
        let fonts = self.sheet.fonts;
        let room = (self.width - 2.0 * MARGIN) / 9.0;
        let lines: Vec<_> =
            self.seller.note.iter().flat_map(|line| fonts.lines(line, Regular, room, 4)).take(12).collect();
        let (ids, _) = self.sheet.lines((MARGIN, top), &lines, look(9.0, Regular, Ink::Text), 14.0);
        if !ids.is_empty() {
            self.tree.push(group(Tag::P, leaves(ids)));
        }
    }

    /// How the seller is reached and known, at the bottom.
    fn foot(&mut self) {
        let Seller { name, tax_id, email, .. } = self.seller;
        let tax_id = tax_id.as_ref().map(|id| format!("{} {id}", self.words.tax_id));
        let parts: Vec<String> = [name.clone(), tax_id, email.clone()].into_iter().flatten().collect();
        let y = self.height - 48.0;
        self.sheet.rule((MARGIN, y - 14.0), self.width - 2.0 * MARGIN, Ink::Rule);
        let title = format!("{} {}", self.words.invoice, self.invoice.number);
        let room = (self.width - 2.0 * MARGIN) * 0.75 / SMALL.size;
        let lines = self.sheet.fonts.lines(&parts.join("  ·  "), SMALL.weight, room, 2);
        let (mut ids, _) = self.sheet.lines((MARGIN, y), &lines, SMALL, 11.0);
        ids.push(self.sheet.text((self.right(), y), Side::Left, &title, SMALL));
        self.tree.push(group(Tag::P, leaves(ids)));
    }
}

/// When it is to be paid, while that is still to come about.
fn due(invoice: &Invoice, days: u16) -> Option<Date> {
    let open = matches!(invoice.status, InvoiceStatus::Draft | InvoiceStatus::Pending);
    let days = Days::new((open && days > 0).then_some(days)?.into());
    invoice.date.0.checked_add_days(days).map(Date)
}
