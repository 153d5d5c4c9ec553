//! Invoices: what customers owe, shown in the currency of a locale.
mod api;
mod example;
mod list;
mod service;
mod types;
mod view;

pub use api::InvoicesApi;
pub use service::Invoices;
