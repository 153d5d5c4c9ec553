//! Examples for the OpenAPI document: an invoice of the customer Evil Rabbit.
use poem_openapi::types::Example;
use uuid::Uuid;

use super::payments::{Payment, PaymentOutcome, PaymentProvider};
use super::types::{
    Invoice, InvoiceExpand, InvoiceFilter, InvoiceInput, InvoiceLinesQuery, InvoiceQuery, InvoiceStatus,
    InvoiceSummary, InvoiceTableQuery, OneInvoiceQuery,
};
use crate::{
    domain::{date::Date, id::Id, money::Currency, timestamp::Timestamp},
    http::pagination::PageParams,
    resources::billing::{
        customers::{CustomerRef, example_id},
        rates::Original,
    },
};

const INVOICE_ID: &str = "0199c0de-3333-7c3d-8e1f-2a3b4c5d6e7f";

fn invoice_id() -> Id<Invoice> {
    INVOICE_ID.parse().unwrap_or_else(|_| Id::from(Uuid::nil()))
}

fn day() -> Date {
    Timestamp(1_763_715_600_000).date()
}

fn euro() -> Currency {
    "EUR".parse().unwrap_or(Currency::USD)
}

impl Example for Invoice {
    fn example() -> Self {
        Invoice {
            id: invoice_id(),
            number: 1,
            customer_id: example_id(),
            customer: Some(CustomerRef::example()),
            amount: 13584,
            currency: euro(),
            original: Some(Original::example()),
            status: InvoiceStatus::Pending,
            date: day(),
            payments: vec![Payment::example()],
            created_at: Timestamp(1_763_715_600_000),
            updated_at: Timestamp(1_763_715_600_000),
            version: 1,
            locale: "fr".into(),
        }
    }
}

impl Example for Payment {
    fn example() -> Self {
        Payment {
            id: "0199c0de-3434-7c3d-8e1f-2a3b4c5d6e7f".parse().unwrap_or_else(|_| Id::from(Uuid::nil())),
            provider: PaymentProvider::Stripe,
            reference: "pi_3SVr2wGQ".into(),
            amount: 10000,
            currency: Currency::USD,
            refunded: 0,
            outcome: PaymentOutcome::AmountMismatch,
            created_at: Timestamp(1_763_715_600_000),
        }
    }
}

impl Example for InvoiceSummary {
    fn example() -> Self {
        InvoiceSummary {
            id: invoice_id(),
            number: Some(1),
            customer_id: Some(example_id()),
            customer: Some(CustomerRef::example()),
            amount: Some(13584),
            currency: Some(euro()),
            original: Some(Original::example()),
            status: Some(InvoiceStatus::Pending),
            date: Some(day()),
        }
    }
}

impl Example for InvoiceInput {
    fn example() -> Self {
        InvoiceInput {
            customer_id: example_id(),
            amount: 15795,
            status: InvoiceStatus::Pending,
            date: Some(day()),
        }
    }
}

impl Example for InvoiceFilter {
    fn example() -> Self {
        InvoiceFilter {
            status: Some(InvoiceStatus::Pending),
            customer: Some(example_id()),
            currency: Some(Currency::USD),
            date_from: Some(day()),
            date_before: "2026-12-01".parse().ok(),
            q: Some("rabbit".into()),
            sort: Some("-date".into()),
        }
    }
}

impl Example for InvoiceQuery {
    fn example() -> Self {
        InvoiceQuery { paging: PageParams::example(), lines: InvoiceLinesQuery::example() }
    }
}

impl Example for InvoiceTableQuery {
    fn example() -> Self {
        InvoiceTableQuery {
            filter: InvoiceFilter::example(),
            fields: Some("date,amount,status,customer".into()),
            bom: false,
        }
    }
}

impl Example for InvoiceLinesQuery {
    fn example() -> Self {
        InvoiceLinesQuery {
            filter: InvoiceFilter::example(),
            fields: Some("amount,status".into()),
            expand: Some(InvoiceExpand::Customer),
        }
    }
}

impl Example for OneInvoiceQuery {
    fn example() -> Self {
        OneInvoiceQuery { expand: Some(InvoiceExpand::Customer) }
    }
}
