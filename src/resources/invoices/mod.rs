//! Invoices: what customers owe, shown in the currency of a locale.
mod api;
mod example;
mod list;
mod pdf;
mod service;
mod types;
mod view;

pub use api::InvoicesApi;
pub use pdf::{Printer, Seller};
pub use service::Invoices;
