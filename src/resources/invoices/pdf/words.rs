//! What an invoice says in each language.
use super::super::{
    super::rates::{Original, RateState},
    types::InvoiceStatus,
};
use super::figures::{date, decimal, money};
use crate::contract::money::Currency;

/// The languages that the page is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    French,
    German,
    Japanese,
}

/// How a place writes: its language, and whether it is one of those that write otherwise than most of that language.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub language: Language,
    pub american: bool,
    pub swiss: bool,
    /// The tag of the language (RFC 5646).
    pub tag: &'static str,
}

impl Manner {
    pub fn of(locale: &str) -> Self {
        use Language::{English, French, German, Japanese};
        let (language, tag) = match locale.split('-').next().unwrap_or_default() {
            "fr" => (French, "fr"),
            "de" => (German, if locale == "de-ch" { "de-CH" } else { "de" }),
            "ja" => (Japanese, "ja"),
            _ => (English, if locale == "en-us" { "en-US" } else { "en-GB" }),
        };
        Manner { language, american: locale == "en-us", swiss: locale == "de-ch", tag }
    }
}

pub struct Words {
    pub invoice: &'static str,
    pub number: &'static str,
    pub date: &'static str,
    pub due: &'static str,
    pub status: &'static str,
    pub bill_to: &'static str,
    pub description: &'static str,
    pub amount: &'static str,
    /// The one line that there is.
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

const ENGLISH: Words = Words {
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

const FRENCH: Words = Words {
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

const GERMAN: Words = Words {
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

const JAPANESE: Words = Words {
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

impl Words {
    pub fn of(language: Language) -> &'static Words {
        match language {
            Language::English => &ENGLISH,
            Language::French => &FRENCH,
            Language::German => &GERMAN,
            Language::Japanese => &JAPANESE,
        }
    }

    pub fn state(&self, status: InvoiceStatus) -> &'static str {
        match status {
            InvoiceStatus::Draft => self.draft,
            InvoiceStatus::Pending => self.pending,
            InvoiceStatus::Paid => self.paid,
            InvoiceStatus::Void => self.void,
        }
    }

    /// What the total is to the one who gets the page.
    pub fn sum(&self, status: InvoiceStatus) -> &'static str {
        match status {
            InvoiceStatus::Pending => self.total_due,
            InvoiceStatus::Paid => self.total_paid,
            InvoiceStatus::Draft | InvoiceStatus::Void => self.total,
        }
    }
}

/// What the amount was before it was converted, and by which rate.
pub fn converted(original: &Original, shown: Currency, manner: Manner) -> String {
    let amount = money(original.amount, original.currency, manner);
    let (from, rate) = (original.currency, decimal(&original.quoted.rate, manner));
    let why = reason(original, manner);
    match manner.language {
        Language::English => {
            format!("Made out for {amount}. Converted at 1 {from} = {rate} {shown} ({why}).")
        }
        Language::French => {
            format!("Établie pour {amount}. Convertie au taux de 1 {from} = {rate} {shown} ({why}).")
        }
        Language::German => {
            format!("Ausgestellt über {amount}. Umgerechnet zu 1 {from} = {rate} {shown} ({why}).")
        }
        Language::Japanese => {
            format!("原通貨の金額：{amount}。換算レート：1 {from} = {rate} {shown}（{why}）。")
        }
    }
}

fn reason(original: &Original, manner: Manner) -> String {
    let source = &original.quoted.rate_source;
    let (rate, known, fixed, from) = match manner.language {
        Language::English => ("rate of", "last known rate, of", "a fixed rate of the issuer", "source: "),
        Language::French => {
            ("taux du", "dernier taux connu, du", "taux fixe de l’émetteur", "source\u{a0}: ")
        }
        Language::German => {
            ("Kurs vom", "letzter bekannter Kurs, vom", "fester Kurs des Ausstellers", "Quelle: ")
        }
        Language::Japanese => ("レート日", "最終レート日", "発行者の固定レート", "出典："),
    };
    let word = match original.quoted.rate_state {
        RateState::Fallback => return fixed.to_owned(),
        RateState::Fresh => rate,
        RateState::LastKnown => known,
    };
    match (original.quoted.rate_date, manner.language) {
        (None, _) => format!("{from}{source}"),
        (Some(day), Language::Japanese) => format!("{word}：{}、{from}{source}", date(day, manner)),
        (Some(day), _) => format!("{word} {}, {from}{source}", date(day, manner)),
    }
}
