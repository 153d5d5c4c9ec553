//! The billing dashboard: totals, months, latest invoices and rates in one response.
mod api;
mod example;
mod service;
mod types;

pub use api::DashboardApi;
pub use service::DashboardService;
