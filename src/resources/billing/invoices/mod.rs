//! Invoices, shown in the currency of a locale.
mod api;
mod apply_payment;
mod example;
mod export;
mod exports_api;
mod import;
mod list;
mod locale_redirect;
mod localized;
mod payments;
mod pdf;
mod service;
mod status;
mod totals;
mod types;
mod v1;

pub use api::InvoicesApi;
pub use apply_payment::{InvoiceRef, PaymentReport, PaymentResult};
pub use exports_api::InvoiceExportsApi;
pub use import::ImportedInvoice;
pub use locale_redirect::LocaleRedirectApi;
pub use payments::{PaymentOutcome, PaymentProvider};
pub use pdf::PdfRenderer;
pub use service::Invoices;
pub use types::{InvoiceInput, InvoiceStatus, InvoiceSummary};
pub use v1::{InvoicesV1, InvoicesV1Api};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag {
    name: "Invoices",
    description: "Invoices: amounts owed by customers, in the currency of a locale.",
};
