//! November, told the same way throughout the document.
use poem_openapi::types::Example;

use super::types::{Revenue, RevenueQuery, RevenueSource};
use crate::{
    contract::{date::Month, money::Currency, time::Timestamp},
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
        }
    }
}

impl Example for RevenueQuery {
    fn example() -> Self {
        RevenueQuery { page: 1, limit: 12, after: None, count: None, sort: Some("-month".into()) }
    }
}
