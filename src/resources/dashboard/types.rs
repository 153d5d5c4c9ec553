//! How the dashboard looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::{invoices::InvoiceSummary, rates::Rate, revenues::Revenue};
use crate::contract::{answer::Resource, cache::Cache, etag::ETag, locale::Locale, money::Currency};

/// What an office looks at first, in the currency of a locale. A part that could not be read is left out and
/// named in `failed`.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// The locale that was asked for.
    pub locale: Locale,
    /// Its currency.
    pub currency: Currency,
    /// Totals over everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<Cards>,
    /// The last twelve months, oldest first.
    #[oai(validator(max_items = "12"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revenues: Option<Vec<Revenue>>,
    /// The five invoices of the latest days, each with its customer.
    #[oai(validator(max_items = "5"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Vec<InvoiceSummary>>,
    /// What the other currencies of the service are in this one.
    #[oai(validator(max_items = "300"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Vec<Rate>>,
    /// The parts that could not be read in time; ask again for them.
    #[oai(validator(max_items = "4"))]
    pub failed: Vec<DashboardPart>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) version: String,
}

impl Dashboard {
    /// What lacks some parts shall not pass for the whole.
    pub fn tag(version: &str, failed: &[DashboardPart]) -> ETag {
        ETag::weak(&["dashboard", version, &format!("{failed:?}")])
    }
}

/// Totals over everything.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Cards {
    /// The sum of all paid invoices, in minor units.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub collected: i64,
    /// The sum of all pending invoices, in minor units.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub pending: i64,
    /// How many invoices there are, in whatever state.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub invoices: i64,
    /// How many customers there are.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub customers: i64,
}

/// A part of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum DashboardPart {
    /// The totals.
    Cards,
    /// The months.
    Revenues,
    /// The latest invoices.
    Latest,
    /// The rates.
    Rates,
}

impl Resource for Dashboard {
    fn etag(&self) -> ETag {
        Dashboard::tag(&self.version, &self.failed)
    }
    fn location(&self) -> String {
        format!("/api/v2/dashboard?locale={}", self.locale)
    }
    fn cache(&self) -> Cache {
        if self.failed.is_empty() { Cache::Private } else { Cache::None }
    }
}

/// How the dashboard is asked for.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct DashboardQuery {
    /// The locale whose currency everything is shown in; left out, the first one of the service.
    pub locale: Option<Locale>,
}
