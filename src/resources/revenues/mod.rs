//! Revenues: what each month brought in, from paid invoices or from the books.
mod api;
mod example;
mod figure;
mod import;
mod service;
mod types;

pub use api::RevenuesApi;
pub use import::ImportedRevenue;
pub use service::Revenues;
pub use types::Revenue;
