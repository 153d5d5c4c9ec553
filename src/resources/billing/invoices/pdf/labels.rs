//! The labels of the page in each language.
use super::format::{date, decimal, money};
use crate::{
    domain::money::Currency,
    resources::billing::{
        invoices::types::InvoiceStatus,
        rates::{Original, RateState},
    },
};

/// The languages with labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    French,
    German,
    Japanese,
}

/// The language of a locale, and its regional formats.
#[derive(Debug, Clone, Copy)]
pub struct LocaleStyle {
    pub language: Language,
    /// US date format, dollar symbol and letter paper.
    pub american: bool,
    /// Swiss separators and currency position.
    pub swiss: bool,
    /// The language tag (RFC 5646).
    pub tag: &'static str,
}

impl LocaleStyle {
    pub fn of(locale: &str) -> Self {
        use Language::{English, French, German, Japanese};
        let (language, tag) = match locale.split('-').next().unwrap_or_default() {
            "fr" => (French, "fr"),
            "de" => (German, if locale == "de-ch" { "de-CH" } else { "de" }),
            "ja" => (Japanese, "ja"),
            _ => (English, if locale == "en-us" { "en-US" } else { "en-GB" }),
        };
        LocaleStyle { language, american: locale == "en-us", swiss: locale == "de-ch", tag }
    }
}

/// The labels of the page in one language.
pub struct Labels {
    pub invoice: &'static str,
    pub number: &'static str,
    pub date: &'static str,
    pub due: &'static str,
    pub status: &'static str,
    pub bill_to: &'static str,
    pub description: &'static str,
    pub amount: &'static str,
    /// The description of the only line item.
    pub line: &'static str,
    pub total: &'static str,
    pub total_due: &'static str,
    pub total_paid: &'static str,
    pub tax_id: &'static str,
    draft: &'static str,
    pending: &'static str,
    paid: &'static str,
    void: &'static str,
}

const ENGLISH: Labels = Labels {
    invoice: "Invoice",
    number: "Invoice number",
    date: "Date",
    due: "Due date",
    status: "Status",
    bill_to: "Bill to",
    description: "Description",
    amount: "Amount",
    line: "Invoiced amount",
    total: "Total",
    total_due: "Amount due",
    total_paid: "Amount paid",
    tax_id: "Tax ID",
    draft: "Draft",
    pending: "Pending",
    paid: "Paid",
    void: "Void",
};

const FRENCH: Labels = Labels {
    invoice: "Facture",
    number: "Numéro de facture",
    date: "Date",
    due: "Échéance",
    status: "Statut",
    bill_to: "Facturé à",
    description: "Désignation",
    amount: "Montant",
    line: "Montant facturé",
    total: "Total",
    total_due: "Montant à payer",
    total_paid: "Montant payé",
    tax_id: "N° fiscal",
    draft: "Brouillon",
    pending: "En attente",
    paid: "Payée",
    void: "Annulée",
};

const GERMAN: Labels = Labels {
    invoice: "Rechnung",
    number: "Rechnungsnummer",
    date: "Datum",
    due: "Fällig am",
    status: "Status",
    bill_to: "Rechnung an",
    description: "Beschreibung",
    amount: "Betrag",
    line: "Rechnungsbetrag",
    total: "Gesamtbetrag",
    total_due: "Zu zahlen",
    total_paid: "Bezahlt",
    tax_id: "Steuernummer",
    draft: "Entwurf",
    pending: "Offen",
    paid: "Bezahlt",
    void: "Storniert",
};

const JAPANESE: Labels = Labels {
    invoice: "請求書",
    number: "請求書番号",
    date: "発行日",
    due: "お支払期限",
    status: "状態",
    bill_to: "請求先",
    description: "内容",
    amount: "金額",
    line: "ご請求金額",
    total: "合計",
    total_due: "お支払金額",
    total_paid: "お支払済金額",
    tax_id: "登録番号",
    draft: "下書き",
    pending: "未払い",
    paid: "支払済み",
    void: "無効",
};

impl Labels {
    pub fn of(language: Language) -> &'static Labels {
        match language {
            Language::English => &ENGLISH,
            Language::French => &FRENCH,
            Language::German => &GERMAN,
            Language::Japanese => &JAPANESE,
        }
    }

    /// Returns the label of a status.
    pub fn status_label(&self, status: InvoiceStatus) -> &'static str {
        match status {
            InvoiceStatus::Draft => self.draft,
            InvoiceStatus::Pending => self.pending,
            InvoiceStatus::Paid => self.paid,
            InvoiceStatus::Void => self.void,
        }
    }

    /// Returns the label of the total: due, paid or neutral.
    pub fn total_label(&self, status: InvoiceStatus) -> &'static str {
        match status {
            InvoiceStatus::Pending => self.total_due,
            InvoiceStatus::Paid => self.total_paid,
            InvoiceStatus::Draft | InvoiceStatus::Void => self.total,
        }
    }
}

/// Returns the sentence with the original amount and the rate.
pub fn conversion_note(original: &Original, shown: Currency, style: LocaleStyle) -> String {
    let amount = money(original.amount, original.currency, style);
    let (from, rate) = (original.currency, decimal(&original.quoted.rate, style));
    let source = rate_source(original, style);
    match style.language {
        Language::English => {
            format!("Made out for {amount}. Converted at 1 {from} = {rate} {shown} ({source}).")
        }
        Language::French => {
            format!("Établie pour {amount}. Convertie au taux de 1 {from} = {rate} {shown} ({source}).")
        }
        Language::German => {
            format!("Ausgestellt über {amount}. Umgerechnet zu 1 {from} = {rate} {shown} ({source}).")
        }
        Language::Japanese => {
            format!("原通貨の金額：{amount}。換算レート：1 {from} = {rate} {shown}（{source}）。")
        }
    }
}

fn rate_source(original: &Original, style: LocaleStyle) -> String {
    let source = &original.quoted.rate_source;
    let (fresh, last_known, fixed, from) = match style.language {
        Language::English => ("rate of", "last known rate, of", "a fixed rate of the issuer", "source: "),
        Language::French => {
            ("taux du", "dernier taux connu, du", "taux fixe de l’émetteur", "source\u{a0}: ")
        }
        Language::German => {
            ("Kurs vom", "letzter bekannter Kurs, vom", "fester Kurs des Ausstellers", "Quelle: ")
        }
        Language::Japanese => ("レート日", "最終レート日", "発行者の固定レート", "出典："),
    };
    let label = match original.quoted.rate_state {
        RateState::Fallback => return fixed.to_owned(),
        RateState::Fresh => fresh,
        RateState::LastKnown => last_known,
    };
    match (original.quoted.rate_date, style.language) {
        (None, _) => format!("{from}{source}"),
        (Some(day), Language::Japanese) => format!("{label}：{}、{from}{source}", date(day, style)),
        (Some(day), _) => format!("{label} {}, {from}{source}", date(day, style)),
    }
}
