//! Request and response bodies of invoices.
pub use entity::invoice::InvoiceStatus;
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::payments::Payment;
use crate::{
    domain::{
        date::Date, id::Id, money::Currency, names::names_type, text::SearchTerms, timestamp::Timestamp,
    },
    http::{cache_control::CacheControl, etag::ETag, pagination::PageParams, response::Resource},
    resources::billing::{
        customers::{Customer, CustomerRef},
        rates::Original,
    },
};

names_type! {
    /// The sort order of invoices.
    pub struct InvoiceSort {
        names: ["date", "number", "createdAt"],
        signed: true,
        max: 3,
        example: "-date",
    }

    /// The fields of invoices in lists and exports.
    pub struct InvoiceFields {
        names: ["id", "number", "customerId", "customer", "amount", "status", "date"],
        signed: false,
        max: 7,
        example: "amount,status",
    }
}

/// An invoice in the currency of the locale.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Invoice {
    /// The id of the invoice. It never changes.
    pub id: Id<Invoice>,
    /// The number of the invoice. Numbers ascend from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub number: i64,
    /// The id of the customer.
    pub customer_id: Id<Customer>,
    /// The customer, with `expand=customer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency of the locale.
    pub currency: Currency,
    /// The original amount, if it is in another currency and was converted for this response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// The status of the invoice.
    pub status: InvoiceStatus,
    /// The date of the invoice.
    pub date: Date,
    /// The payments that providers reported, newest first. At most 100 are listed.
    #[oai(validator(max_items = "100"))]
    pub payments: Vec<Payment>,
    /// When the invoice was created.
    pub created_at: Timestamp,
    /// When the invoice was last updated.
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: i64,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) locale: String,
}

impl Resource for Invoice {
    const HEADERS: &'static [&'static str] = &["Last-Modified"];

    fn etag(&self) -> ETag {
        let mut parts = vec![self.id.to_string(), self.version.to_string(), self.currency.to_string()];
        parts.extend(self.original.as_ref().map(|original| original.quoted.tag()));
        if let Some(CustomerRef { id, name, email, image_url }) = &self.customer {
            parts.extend([
                id.to_string(),
                name.to_string(),
                email.to_string(),
                image_url.as_deref().unwrap_or_default().to_owned(),
            ]);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        ETag::from_parts(&parts)
    }
    fn location(&self) -> String {
        format!("/api/v2/invoices/{}/{}", self.locale, self.id)
    }
    fn last_modified(&self) -> Option<Timestamp> {
        Some(self.updated_at)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// An invoice in a list, with the fields that the parameter `fields` names.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceSummary {
    /// The id of the invoice. It never changes.
    pub id: Id<Invoice>,
    /// The number of the invoice. Numbers ascend from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// The id of the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<Id<Customer>>,
    /// The customer, with `expand=customer` or if `fields` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
    /// The currency of the locale. Present with the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The original amount, if it is in another currency. Present with the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<Original>,
    /// The status of the invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InvoiceStatus>,
    /// The date of the invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
}

/// An invoice to create, or the new state of an invoice, in the currency of the locale.
#[derive(Debug, Clone, Object, Serialize, macros::MergePatch)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceInput {
    /// The id of the customer.
    pub customer_id: Id<Customer>,
    /// The amount in minor units of the locale's currency.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    #[merge_patch(doc = "The amount in minor units of the original currency.")]
    pub amount: i64,
    /// The status of the invoice.
    pub status: InvoiceStatus,
    /// The date of the invoice. Default: the current day in UTC.
    #[merge_patch(required)]
    pub date: Option<Date>,
}

/// Filters and order of a list of invoices.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceFilter {
    /// Only invoices with this status.
    pub status: Option<InvoiceStatus>,
    /// Only invoices of this customer.
    pub customer: Option<Id<Customer>>,
    /// Only invoices with this original currency.
    pub currency: Option<Currency>,
    /// Only invoices of this day or later.
    #[oai(rename = "date[gte]")]
    pub date_from: Option<Date>,
    /// Only invoices before this day.
    #[oai(rename = "date[lt]")]
    pub date_before: Option<Date>,
    /// Search terms that the name or the e-mail address of the customer contains. Case and accents are
    /// ignored.
    pub q: Option<SearchTerms>,
    /// The sort fields, separated by commas, each with `-` for descending order. Ties are sorted by id.
    pub sort: Option<InvoiceSort>,
}

/// Filters, order, fields and page of a list of invoices.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceQuery {
    #[oai(flatten)]
    pub paging: PageParams,
    #[oai(flatten)]
    pub lines: InvoiceLinesQuery,
}

/// Filters, order and columns of a CSV export.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceTableQuery {
    #[oai(flatten)]
    pub filter: InvoiceFilter,
    /// The columns to export in addition to the id, separated by commas. The default is all. `amount`
    /// includes the currency and the original amount, `customer` the name and the e-mail address.
    pub fields: Option<InvoiceFields>,
    /// Whether the file begins with a byte order mark, by which spreadsheets detect UTF-8.
    #[oai(default)]
    pub bom: bool,
}

/// Filters, order and fields of an NDJSON export.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct InvoiceLinesQuery {
    #[oai(flatten)]
    pub filter: InvoiceFilter,
    /// The fields to return in addition to the id, separated by commas. The default is all but the customer.
    /// `amount` includes the currency and the original amount; `customer` includes the customer, as
    /// `expand=customer` does.
    pub fields: Option<InvoiceFields>,
    /// `customer` includes the customer, regardless of `fields`.
    pub expand: Option<InvoiceExpand>,
}

impl InvoiceLinesQuery {
    /// Returns whether each invoice includes its customer.
    pub fn with_customer(&self) -> bool {
        let named = |fields: &InvoiceFields| fields.split(',').any(|field| field == "customer");
        self.expand.is_some() || self.fields.as_ref().is_some_and(named)
    }
}

/// The options of a request for one invoice.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct OneInvoiceQuery {
    /// `customer` includes the customer.
    pub expand: Option<InvoiceExpand>,
}

/// The related resources that a response may include.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub enum InvoiceExpand {
    /// The customer.
    Customer,
}
