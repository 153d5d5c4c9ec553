//! Response bodies of the dashboard.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{locale::Locale, money::Currency},
    http::{cache_control::CacheControl, etag::ETag, response::Resource},
    resources::billing::{invoices::InvoiceSummary, rates::Rate, revenues::Revenue},
};

/// The billing dashboard in the currency of a locale. Parts that could not be loaded are omitted and named in
/// `failed`.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// The requested locale.
    pub locale: Locale,
    /// The currency of the locale.
    pub currency: Currency,
    /// Totals of all invoices and customers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<Cards>,
    /// The revenues of the last twelve months, in ascending order.
    #[oai(validator(max_items = "12"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenues: Option<Vec<Revenue>>,
    /// The latest five invoices by date, each with its customer.
    #[oai(validator(max_items = "5"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Vec<InvoiceSummary>>,
    /// The exchange rates from the other currencies of the service to this currency.
    #[oai(validator(max_items = "300"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Vec<Rate>>,
    /// The parts that could not be loaded in time. Repeat the request to get them.
    #[oai(validator(max_items = "4"))]
    pub failed: Vec<DashboardPart>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: String,
}

impl Dashboard {
    /// Returns the ETag of a dashboard. It includes the failed parts, so that an incomplete response never
    /// matches a complete one.
    pub fn etag_of(version: &str, failed: &[DashboardPart]) -> ETag {
        ETag::weak_from_parts(&["dashboard", version, &format!("{failed:?}")])
    }
}

/// Totals of all invoices and customers.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Cards {
    /// The sum of all paid invoices in minor units.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub collected: i64,
    /// The sum of all pending invoices in minor units.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub pending: i64,
    /// The number of invoices, regardless of their status.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub invoices: i64,
    /// The number of customers.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub customers: i64,
}

/// A part of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum DashboardPart {
    /// The totals (`cards`).
    Cards,
    /// The revenues by month.
    Revenues,
    /// The latest invoices.
    Latest,
    /// The exchange rates.
    Rates,
}

impl Resource for Dashboard {
    fn etag(&self) -> ETag {
        Dashboard::etag_of(&self.version, &self.failed)
    }
    fn location(&self) -> String {
        format!("/api/v2/dashboard?locale={}", self.locale)
    }
    fn cache(&self) -> CacheControl {
        if self.failed.is_empty() { CacheControl::Private } else { CacheControl::NoStore }
    }
}

/// The locale of the dashboard.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DashboardQuery {
    /// The locale whose currency is used. The default is the first configured locale.
    pub locale: Option<Locale>,
}
