//! Examples for the OpenAPI document: the revenue of November.
use poem_openapi::types::Example;

use super::types::{Revenue, RevenueFigure, RevenueQuery, RevenueSource};
use crate::{
    contract::{date::Month, locale::Locale, money::Currency, page::Paging, time::Timestamp},
    resources::rates::Original,
};

impl Example for Revenue {
    fn example() -> Self {
        Revenue {
            month: Month::of(Timestamp(1_763_715_600_000).day()),
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
        let Paging { page, after, count, .. } = Paging::example();
        RevenueQuery { page, limit: 12, after, count, sort: Some("-month".into()) }
    }
}
