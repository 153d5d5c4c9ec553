//! Invoices: what customers owe, shown in the currency of a locale.
mod api;
mod example;
mod former;
mod list;
mod negotiate;
mod service;
mod types;
mod view;

pub use api::InvoicesApi;
pub use former::{Former, FormerApi, Routes};
pub use negotiate::NegotiateApi;
pub use service::Invoices;
