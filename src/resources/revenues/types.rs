//! How a month's revenue looks on the wire.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::super::rates::Original;
use crate::contract::{
    answer::Resource,
    cache::Cache,
    date::Month,
    etag::ETag,
    locale::Locale,
    money::Currency,
    page::{Count, Paging},
};

/// What a month brought in, in the currency of the locale.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Revenue {
    /// The month.
    pub month: Month,
    /// The amount in minor units of `currency`.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub amount: i64,
    /// The currency of the locale.
    pub currency: Currency,
    /// Where the amount comes from.
    pub source: RevenueSource,
    /// What is in it of other currencies, converted for this answer.
    #[oai(validator(max_items = "300"))]
    pub originals: Vec<Original>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) locale: Locale,
}

impl Resource for Revenue {
    /// A month is what its invoices or its figure make it: the tag is made of all that is shown.
    fn etag(&self) -> ETag {
        ETag::of_parts(&["revenue", &serde_json::to_string(self).unwrap_or_default()])
    }
    fn location(&self) -> String {
        format!("/api/v2/revenues/{}/{}", self.locale, self.month)
    }
    fn cache(&self) -> Cache {
        Cache::Private
    }
}

/// What the books say that a month brought in, in the currency of the locale.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevenueFigure {
    /// The amount in minor units of the locale's currency.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub amount: i64,
}

/// Where a month's amount comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RevenueSource {
    /// The sum of the paid invoices of that month.
    Invoices,
    /// The books: a figure that was imported or written; it counts before invoices.
    Imported,
}

fn first() -> u32 {
    1
}
fn year() -> u32 {
    12
}

/// Which months are listed.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevenueQuery {
    /// The page, counted from 1. Not looked at beside `after`.
    #[oai(default = "first", validator(minimum(value = "1"), maximum(value = "10000")))]
    pub page: u32,
    /// How many months a page has at most.
    #[oai(default = "year", validator(minimum(value = "1"), maximum(value = "50")))]
    pub limit: u32,
    /// The `nextCursor` of the page before.
    #[oai(validator(pattern = "^[A-Za-z0-9_-]+$", min_length = "16", max_length = "4000"))]
    pub after: Option<String>,
    /// Whether `total` and `pages` are counted. Left out, they are counted for numbered pages, and not behind
    /// a cursor.
    pub count: Option<Count>,
    /// The order, with `-` for falling; left out, the newest month comes first.
    #[oai(validator(pattern = "^-?month$", min_length = "5", max_length = "6"))]
    pub sort: Option<String>,
}

impl RevenueQuery {
    pub fn paging(&self) -> Paging {
        Paging { page: self.page, limit: self.limit, after: self.after.clone(), count: self.count }
    }
}
