//! How an invoice looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::{
    customers::{Customer, CustomerRef},
    rates::Original,
};
use crate::contract::{
    answer::Resource, cache::Cache, date::Date, etag::ETag, id::Id, money::Currency, page::Paging,
    time::Timestamp,
};

/// An invoice as a whole, in the currency of the locale.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// What the invoice is known by for good.
    pub id: Id<Invoice>,
    /// Its number, counted upwards from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub number: i64,
    /// Whose invoice it is.
    pub customer_id: Id<Customer>,
    /// The customer, with `expand=customer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency of the locale.
    pub currency: Currency,
    /// What it was made out in, when that is another currency; the amount is converted for this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// How far it is.
    pub status: InvoiceStatus,
    /// The day on it.
    pub date: Date,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) locale: String,
}

impl Resource for Invoice {
    const FIELDS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let mut parts = vec![self.id.to_string(), self.version.to_string(), self.currency.to_string()];
        parts.extend(self.original.as_ref().map(|original| original.quoted.tag()));
        if let Some(CustomerRef { id, name, email, image_url }) = &self.customer {
            parts.extend([
                id.to_string(),
                name.clone(),
                email.clone(),
                image_url.clone().unwrap_or_default(),
            ]);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::of_parts(&parts)
    }
    fn location(&self) -> String {
        format!("/api/v2/invoices/{}/{}", self.locale, self.id)
    }
    fn modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// An invoice in a list: `fields` says which members come along.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceSummary {
    /// What the invoice is known by for good.
    pub id: Id<Invoice>,
    /// Its number, counted upwards from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// Whose invoice it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id<Customer>>,
    /// The customer, with `expand=customer` or where `fields` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency of the locale; comes with the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What it was made out in, when that is another currency; comes with the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InvoiceStatus>,
    /// The day on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
}

/// How far an invoice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum InvoiceStatus {
    /// Not sent yet: everything in it may change.
    Draft,
    /// Sent, and not paid yet.
    Pending,
    /// Paid: it stays as it is.
    Paid,
    /// Taken back: it stays as it is.
    Void,
}

impl InvoiceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            InvoiceStatus::Draft => "draft",
            InvoiceStatus::Pending => "pending",
            InvoiceStatus::Paid => "paid",
            InvoiceStatus::Void => "void",
        }
    }

    pub fn parse(text: &str) -> Self {
        match text {
            "draft" => InvoiceStatus::Draft,
            "paid" => InvoiceStatus::Paid,
            "void" => InvoiceStatus::Void,
            _ => InvoiceStatus::Pending,
        }
    }

    /// Whether an invoice may go from here to there.
    pub fn leads_to(self, next: InvoiceStatus) -> bool {
        use InvoiceStatus::{Draft, Paid, Pending, Void};
        self == next
            || matches!(
                (self, next),
                (Draft, Pending | Paid | Void) | (Pending, Draft | Paid | Void) | (Paid, Void)
            )
    }

    /// When an invoice that is this far now was paid, of which that is known from before.
    pub fn paid_at(self, before: Option<i64>, now: i64) -> Option<i64> {
        match self {
            InvoiceStatus::Paid => before.or(Some(now)),
            InvoiceStatus::Void => before,
            InvoiceStatus::Draft | InvoiceStatus::Pending => None,
        }
    }

    /// Whether the books are closed on it.
    pub fn is_closed(self) -> bool {
        matches!(self, InvoiceStatus::Paid | InvoiceStatus::Void)
    }
}

/// An invoice to be written, in the currency of the locale, or as one shall be from now on.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct NewInvoice {
    /// Whose invoice it is.
    pub customer_id: Id<Customer>,
    /// The amount in minor units of the locale's currency.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub amount: i64,
    /// How far it is.
    pub status: InvoiceStatus,
    /// The day on it; left out, it is today in UTC.
    pub date: Option<Date>,
}

/// What of an invoice shall change: members left out stay.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoicePatch {
    /// Whose invoice it is.
    pub customer_id: Option<Id<Customer>>,
    /// The amount in minor units of the currency in which it was made out.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub amount: Option<i64>,
    /// How far it is.
    pub status: Option<InvoiceStatus>,
    /// The day on it.
    pub date: Option<Date>,
}

/// Which invoices, and in which order.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceFilter {
    /// Invoices that are this far.
    pub status: Option<InvoiceStatus>,
    /// Invoices of this customer.
    pub customer: Option<Id<Customer>>,
    /// Invoices that were made out in this currency.
    pub currency: Option<Currency>,
    /// Invoices of this day or later.
    #[oai(rename = "date[gte]")]
    pub date_from: Option<Date>,
    /// Invoices of before this day.
    #[oai(rename = "date[lt]")]
    pub date_before: Option<Date>,
    /// Words that the customer's name or e-mail address contain, whatever their case or accents.
    #[oai(validator(min_length = "1", max_length = "100"))]
    pub q: Option<String>,
    /// The order: names of members between commas, each with `-` for falling. Equal invoices follow by id.
    #[oai(validator(
        pattern = "^-?(date|number|createdAt)(,-?(date|number|createdAt)){0,2}$",
        min_length = "4",
        max_length = "30"
    ))]
    pub sort: Option<String>,
}

/// Which invoices are listed, in which order, and what of them.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceQuery {
    #[oai(flatten)]
    pub paging: Paging,
    #[oai(flatten)]
    pub lines: InvoiceLinesQuery,
}

/// Which invoices stand in a table, in which order, and which columns.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceTableQuery {
    #[oai(flatten)]
    pub filter: InvoiceFilter,
    /// Which columns come along beside the id, between commas; left out: all. `amount` brings the currency and what
    /// was converted, `customer` the name and the e-mail address.
    #[oai(validator(
        pattern = "^(id|number|customerId|customer|amount|status|date)(,(id|number|customerId|customer|amount|status|date)){0,6}$",
        min_length = "2",
        max_length = "80"
    ))]
    pub fields: Option<String>,
    /// Whether the file begins with a byte order mark, which spreadsheets look for.
    #[oai(default)]
    pub bom: bool,
}

/// Which invoices stand in the lines, in which order, and what of them.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceLinesQuery {
    #[oai(flatten)]
    pub filter: InvoiceFilter,
    /// Which members come along beside the id, between commas; left out: all but the customer. `amount` brings the
    /// currency and what was converted, and `customer` who it is, as `expand=customer` does.
    #[oai(validator(
        pattern = "^(id|number|customerId|customer|amount|status|date)(,(id|number|customerId|customer|amount|status|date)){0,6}$",
        min_length = "2",
        max_length = "80"
    ))]
    pub fields: Option<String>,
    /// `customer` adds who it is, whatever `fields` says.
    pub expand: Option<InvoiceExpand>,
}

impl InvoiceLinesQuery {
    /// Whether each invoice comes with its customer.
    pub fn with_customer(&self) -> bool {
        let named = |fields: &String| fields.split(',').any(|field| field == "customer");
        self.expand.is_some() || self.fields.as_ref().is_some_and(named)
    }
}

/// How an invoice is asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct OneInvoiceQuery {
    /// `customer` adds who it is.
    pub expand: Option<InvoiceExpand>,
}

/// What may be told in more detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum InvoiceExpand {
    /// The customer.
    Customer,
}
