//! Invoices: what customers owe, shown in the currency of a locale.
mod api;
mod example;
mod export;
mod former;
mod import;
mod list;
mod negotiate;
mod pdf;
mod service;
mod settle;
mod totals;
mod types;
mod view;

pub use api::InvoicesApi;
pub use former::{Former, FormerApi, Routes};
pub use import::ImportedInvoice;
pub use negotiate::NegotiateApi;
pub use pdf::{Printer, Seller};
pub use service::Invoices;
pub use settle::{InvoiceName, Settled};
pub use types::{InvoiceStatus, InvoiceSummary, NewInvoice};
