//! Examples for the OpenAPI document: a dashboard at the end of November.
use poem_openapi::types::Example;

use super::types::{Cards, Dashboard, DashboardQuery};
use crate::{
    domain::{locale::Locale, money::Currency},
    resources::billing::{invoices::InvoiceSummary, rates::Rate, revenues::Revenue},
};

impl Example for Dashboard {
    fn example() -> Self {
        Dashboard {
            locale: Locale("fr".into()),
            currency: "EUR".parse().unwrap_or(Currency::USD),
            cards: Some(Cards::example()),
            revenues: Some(vec![Revenue::example()]),
            latest: Some(vec![InvoiceSummary::example()]),
            rates: Some(vec![Rate::example()]),
            failed: vec![],
            version: String::new(),
        }
    }
}

impl Example for Cards {
    fn example() -> Self {
        Cards { collected: 91_234, pending: 13_584, invoices: 13, customers: 6 }
    }
}

impl Example for DashboardQuery {
    fn example() -> Self {
        DashboardQuery { locale: Some(Locale("fr".into())) }
    }
}
