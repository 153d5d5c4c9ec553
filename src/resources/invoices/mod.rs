//! Invoices: what customers owe, shown in the currency of a locale.
mod api;
mod example;
mod import;
mod list;
mod pdf;
mod service;
mod totals;
mod types;
mod view;

pub use api::InvoicesApi;
pub use import::ImportedInvoice;
pub use pdf::{Printer, Seller};
pub use service::Invoices;
pub use types::{InvoiceStatus, InvoiceSummary, NewInvoice};
