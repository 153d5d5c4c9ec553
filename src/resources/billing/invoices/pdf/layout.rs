//! The layout of the page.
use std::num::NonZeroU16;

use chrono::Days;
use krilla::{
    Document, SerializeSettings,
    metadata::Metadata,
    page::PageSettings,
    tagging::{Identifier, Node, TableHeaderScope, Tag, TagGroup, TagKind, TagTree},
};

use super::{
    InvoiceDocument,
    canvas::{Align, Canvas, Color, TextStyle, style},
    fonts::{
        FONTS, Fonts,
        Weight::{Regular, Strong},
    },
    format::{date, money},
    labels::{Labels, LocaleStyle, conversion_note},
};
use crate::{
    config::{PrintedLine, SellerConfig},
    domain::date::Date,
    resources::billing::invoices::types::{Invoice, InvoiceStatus},
};

const MARGIN: f32 = 56.0;
const LABEL: TextStyle = style(8.5, Regular, Color::Faint);
const BODY: TextStyle = style(9.5, Regular, Color::Text);
const STRONG: TextStyle = style(9.5, Strong, Color::Text);
const SMALL: TextStyle = style(8.0, Regular, Color::Faint);

struct Page<'a> {
    canvas: Canvas<'a>,
    tree: TagTree,
    locale_style: LocaleStyle,
    labels: &'static Labels,
    width: f32,
    height: f32,
    invoice: &'a Invoice,
    seller: &'a SellerConfig,
}

/// Renders the bytes of the PDF.
pub fn render(source: &InvoiceDocument) -> Result<Vec<u8>, String> {
    let fonts: &'static Fonts = FONTS.as_ref().ok_or("an embedded font is corrupt")?;
    let locale_style = LocaleStyle::of(&source.invoice.locale);
    let (width, height) = if locale_style.american { (612.0, 792.0) } else { (595.28, 841.89) };
    let settings = SerializeSettings { enable_tagging: true, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let settings = PageSettings::from_wh(width, height).ok_or("the page size is invalid")?;
    let mut pdf_page = document.start_page_with(settings);
    let page = Page {
        canvas: Canvas::new(pdf_page.surface(), fonts),
        tree: TagTree::new().with_lang(Some(locale_style.tag.to_owned())),
        locale_style,
        labels: Labels::of(locale_style.language),
        width,
        height,
        invoice: &source.invoice,
        seller: &source.seller,
    };
    let title = format!("{} {}", page.labels.invoice, source.invoice.number);
    let tree = page.draw();
    pdf_page.finish();
    document.set_tag_tree(tree);
    let metadata = Metadata::new()
        .title(title)
        .authors(source.seller.seller_name.iter().map(|name| name.0.clone()).collect())
        .language(locale_style.tag.to_owned())
        .creator("Tenon".to_owned())
        .document_id(source.invoice.id.to_string());
    document.set_metadata(metadata);
    document.finish().map_err(|error| format!("the PDF cannot be serialized: {error:?}"))
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

    /// Draws the page, and returns its structure tree for assistive technology.
    fn draw(mut self) -> TagTree {
        if matches!(self.invoice.status, InvoiceStatus::Draft | InvoiceStatus::Void) {
            let text = self.labels.status_label(self.invoice.status).to_uppercase();
            self.canvas.watermark((self.width, self.height), &text);
        }
        let below = self.heading();
        let below = self.customer(below).max(self.details(below));
        let below = self.amounts(below + 26.0);
        let below = self.conversion(below + 30.0);
        self.note(below + 18.0);
        self.footer();
        self.canvas.finish();
        self.tree
    }

    /// The title, and the name and address of the seller. Returns the y coordinate below.
    fn heading(&mut self) -> f32 {
        let title = format!("{} {}", self.labels.invoice, self.invoice.number);
        let max_width = (self.width - 2.0 * MARGIN) * 0.42;
        let size = (max_width / self.canvas.fonts.line(&title, Strong).width).min(24.0);
        let heading = style(size, Strong, Color::Accent);
        let id = self.canvas.text((self.right(), 78.0), Align::End, &title, heading);
        let level = NonZeroU16::MIN;
        self.tree.push(group(Tag::Hn(level, Some(title)), vec![id.into()]));
        let name = style(14.0, Strong, Color::Text);
        let mut y = 74.0;
        let fonts = self.canvas.fonts;
        let max_width = (self.width - 2.0 * MARGIN) * 0.55;
        if let Some(seller) = &self.seller.seller_name {
            let lines = fonts.lines(&seller.0, name.weight, max_width / name.size, 2);
            let (ids, below) = self.canvas.lines((MARGIN, y), &lines, name, 18.0);
            self.tree.push(group(Tag::P, leaves(ids)));
            y = below;
        }
        let address = style(9.0, Regular, Color::Faint);
        let lines: Vec<_> = self
            .seller
            .seller_address
            .0
            .iter()
            .take(6)
            .flat_map(|line| fonts.lines(line, Regular, max_width / 9.0, 2))
            .collect();
        let (ids, below) = self.canvas.lines((MARGIN, y), &lines, address, 13.0);
        if !ids.is_empty() {
            self.tree.push(group(Tag::P, leaves(ids)));
        }
        below.max(110.0) + 40.0
    }

    /// The name and e-mail address of the customer.
    fn customer(&mut self, top: f32) -> f32 {
        let label = self.canvas.text((MARGIN, top), Align::Start, self.labels.bill_to, LABEL);
        self.tree.push(group(Tag::P, vec![label.into()]));
        let Some(customer) = &self.invoice.customer else { return top };
        let (name, max_width) = (style(11.5, Strong, Color::Text), (self.width - 2.0 * MARGIN) * 0.5);
        let fonts = self.canvas.fonts;
        let lines = fonts.lines(&customer.name, name.weight, max_width / name.size, 8);
        let (mut ids, below) = self.canvas.lines((MARGIN, top + 18.0), &lines, name, 15.0);
        let lines = fonts.lines(&customer.email, Regular, max_width / BODY.size, 3);
        let (more, below) = self.canvas.lines((MARGIN, below + 1.0), &lines, BODY, 13.0);
        ids.extend(more);
        self.tree.push(group(Tag::P, leaves(ids)));
        below
    }

    /// A table of the number, the dates and the status.
    fn details(&mut self, top: f32) -> f32 {
        let (invoice, labels) = (self.invoice, self.labels);
        let color = match invoice.status {
            InvoiceStatus::Paid => Color::Good,
            InvoiceStatus::Pending => Color::Warning,
            InvoiceStatus::Void => Color::Bad,
            InvoiceStatus::Draft => Color::Faint,
        };
        let mut details = vec![
            (labels.number, invoice.number.to_string(), STRONG),
            (labels.date, date(invoice.date, self.locale_style), BODY),
        ];
        if let Some(due) = due(invoice, self.seller.invoice_due_days.0) {
            details.push((labels.due, date(due, self.locale_style), BODY));
        }
        details.push((
            labels.status,
            labels.status_label(invoice.status).to_owned(),
            TextStyle { color, ..STRONG },
        ));
        let (mut y, mut rows) = (top, Vec::new());
        for (label, value, style) in details {
            let label = self.canvas.text((self.width * 0.6, y), Align::Start, label, LABEL);
            let value = self.canvas.text((self.right(), y), Align::End, &value, style);
            let head = group(Tag::TH(TableHeaderScope::Row), vec![label.into()]);
            rows.push(group(Tag::TR, vec![head.into(), group(Tag::TD, vec![value.into()]).into()]).into());
            y += 18.0;
        }
        self.tree.push(group(Tag::Table, vec![group(Tag::TBody, rows).into()]));
        y
    }

    /// The table with the line item and the total.
    fn amounts(&mut self, top: f32) -> f32 {
        let (labels, inner) = (self.labels, 10.0);
        let (left, right) = (MARGIN + inner, self.right() - inner);
        let width = self.width - 2.0 * MARGIN;
        let amount = money(self.invoice.amount, self.invoice.currency, self.locale_style);
        self.canvas.panel((MARGIN, top), width, 24.0, Color::Accent);
        let label = TextStyle { color: Color::Paper, weight: Strong, ..LABEL };
        let head = (
            self.canvas.text((left, top + 15.0), Align::Start, labels.description, label),
            self.canvas.text((right, top + 15.0), Align::End, labels.amount, label),
        );
        let line = (
            self.canvas.text((left, top + 45.0), Align::Start, labels.line, BODY),
            self.canvas.text((right, top + 45.0), Align::End, &amount, BODY),
        );
        self.canvas.rule((MARGIN, top + 60.0), width, Color::Rule);
        let total = format!("{} ({})", labels.total_label(self.invoice.status), self.invoice.currency);
        let large = style(17.0, Strong, Color::Accent);
        let end = self.canvas.text((right, top + 91.0), Align::End, &amount, large);
        let label = style(10.5, Strong, Color::Text);
        let text_width =
            |text: &str, style: TextStyle| self.canvas.fonts.line(text, style.weight).width * style.size;
        let before = right - text_width(&amount, large) - 22.0;
        let from = (before - text_width(&total, label) - inner).min(self.width * 0.5);
        let total = self.canvas.text((before, top + 90.0), Align::End, &total, label);
        self.canvas.rule((from, top + 106.0), self.right() - from, Color::Accent);
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

    /// The original amount and the rate, if the amount was converted.
    fn conversion(&mut self, top: f32) -> f32 {
        let Some(original) = &self.invoice.original else { return top };
        let text = conversion_note(original, self.invoice.currency, self.locale_style);
        let (width, inner) = (self.width - 2.0 * MARGIN, 10.0);
        let style = style(9.0, Regular, Color::Text);
        let lines = self.canvas.fonts.lines(&text, style.weight, (width - 2.0 * inner) / style.size, 4);
        let height = 14.0 * lines.len() as f32 + 13.0;
        self.canvas.panel((MARGIN, top), width, height, Color::Panel);
        let (ids, _) = self.canvas.lines((MARGIN + inner, top + 17.0), &lines, style, 14.0);
        self.tree.push(group(Tag::P, leaves(ids)));
        top + height + 10.0
    }

    /// The note of the seller.
    fn note(&mut self, top: f32) {
        let fonts = self.canvas.fonts;
        let max_width = (self.width - 2.0 * MARGIN) / 9.0;
        let lines: Vec<_> = self
            .seller
            .seller_note
            .0
            .iter()
            .flat_map(|line| fonts.lines(line, Regular, max_width, 4))
            .take(12)
            .collect();
        let (ids, _) = self.canvas.lines((MARGIN, top), &lines, style(9.0, Regular, Color::Text), 14.0);
        if !ids.is_empty() {
            self.tree.push(group(Tag::P, leaves(ids)));
        }
    }

    /// The name, tax id and e-mail address of the seller, and the title, at the bottom.
    fn footer(&mut self) {
        let line = |line: &Option<PrintedLine>| line.as_ref().map(|line| line.0.clone());
        let tax_id = line(&self.seller.seller_tax_id).map(|id| format!("{} {id}", self.labels.tax_id));
        let parts = [line(&self.seller.seller_name), tax_id, line(&self.seller.seller_email)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let y = self.height - 48.0;
        self.canvas.rule((MARGIN, y - 14.0), self.width - 2.0 * MARGIN, Color::Rule);
        let title = format!("{} {}", self.labels.invoice, self.invoice.number);
        let max_width = (self.width - 2.0 * MARGIN) * 0.75 / SMALL.size;
        let lines = self.canvas.fonts.lines(&parts.join("  ·  "), SMALL.weight, max_width, 2);
        let (mut ids, _) = self.canvas.lines((MARGIN, y), &lines, SMALL, 11.0);
        ids.push(self.canvas.text((self.right(), y), Align::End, &title, SMALL));
        self.tree.push(group(Tag::P, leaves(ids)));
    }
}

/// Returns the due date of a draft or pending invoice.
fn due(invoice: &Invoice, days: u16) -> Option<Date> {
    let open = matches!(invoice.status, InvoiceStatus::Draft | InvoiceStatus::Pending);
    let days = Days::new((open && days > 0).then_some(days)?.into());
    invoice.date.0.checked_add_days(days).map(Date)
}
