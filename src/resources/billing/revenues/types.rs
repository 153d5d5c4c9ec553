//! Request and response bodies of revenues.
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::{
    domain::{date::Month, locale::Locale, money::Currency, names::names_type, text::Cursor},
    http::{
        cache_control::CacheControl,
        etag::ETag,
        pagination::{Count, PageParams},
        response::Resource,
    },
    resources::billing::rates::Original,
};

names_type! {
    /// The sort order of revenues.
    pub struct RevenueSort {
        names: ["month"],
        signed: true,
        max: 1,
        example: "-month",
    }
}

/// The revenue of a month in the currency of the locale.
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
    /// The origin of the amount.
    pub source: RevenueSource,
    /// The parts of the amount in other currencies, before their conversion for this response.
    #[oai(validator(max_items = "300"))]
    pub originals: Vec<Original>,
    #[oai(skip)]
    #[serde(skip)]
    pub(super) locale: Locale,
}

impl Resource for Revenue {
    // A month has no version of its own: invoices, the figure and rates change it. The ETag is a hash of all
    // fields.
    fn etag(&self) -> ETag {
        ETag::from_parts(&["revenue", &serde_json::to_string(self).unwrap_or_default()])
    }
    fn location(&self) -> String {
        format!("/api/v2/revenues/{}/{}", self.locale, self.month)
    }
    fn cache(&self) -> CacheControl {
        CacheControl::Private
    }
}

/// An amount that replaces the sum of the paid invoices of a month, in the currency of the locale.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevenueFigure {
    /// The amount in minor units of the locale's currency.
    #[oai(validator(minimum(value = "0"), maximum(value = "1000000000000")))]
    pub amount: i64,
}

/// The origin of the revenue of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum RevenueSource {
    /// The sum of the paid invoices of that month.
    Invoices,
    /// A figure that was imported or written. It has precedence over invoices.
    Imported,
}

fn first() -> u32 {
    1
}
fn year() -> u32 {
    12
}

/// Order and page of a list of months.
#[derive(Debug, Clone, Object)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
pub struct RevenueQuery {
    /// The page number, from 1. Ignored if `after` is present.
    #[oai(default = "first", validator(minimum(value = "1"), maximum(value = "10000")))]
    pub page: u32,
    /// The largest number of months on a page.
    #[oai(default = "year", validator(minimum(value = "1"), maximum(value = "50")))]
    pub limit: u32,
    /// The `nextCursor` of the previous page.
    pub after: Option<Cursor>,
    /// Whether the response contains `total` and `pages`. By default, numbered pages contain them and pages
    /// after a cursor do not.
    pub count: Option<Count>,
    /// The sort field, with `-` for descending order. The default is `-month`.
    pub sort: Option<RevenueSort>,
}

impl RevenueQuery {
    pub fn paging(&self) -> PageParams {
        PageParams { page: self.page, limit: self.limit, after: self.after.clone(), count: self.count }
    }
}
