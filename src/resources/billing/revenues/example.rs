//! Examples for the OpenAPI document: the revenue of November.
use poem_openapi::types::Example;

use super::types::{Revenue, RevenueFigure, RevenueQuery, RevenueSource};
use crate::{
    domain::{date::Month, locale::Locale, money::Currency, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::billing::rates::Original,
};

impl Example for Revenue {
    fn example() -> Self {
        Revenue {
            month: Month::from_date(Timestamp(1_763_715_600_000).date()),
            amount: 13584,
            currency: "EUR".parse().unwrap_or(Currency::USD),
            source: RevenueSource::Invoices,
            originals: vec![Original::example()],
            locale: Locale("fr".into()),
        }
    }
}

impl Example for RevenueFigure {
    fn example() -> Self {
        RevenueFigure { amount: 13584 }
    }
}

impl Example for RevenueQuery {
    fn example() -> Self {
        let PageParams { page, after, count, .. } = PageParams::example();
        RevenueQuery { page, limit: 12, after, count, sort: Some("-month".into()) }
    }
}
