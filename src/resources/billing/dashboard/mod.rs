//! The billing dashboard: totals, months, latest invoices and rates in one response.
mod api;
mod example;
mod service;
mod types;

pub use api::DashboardApi;
pub use service::DashboardService;

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Dashboard", description: "Dashboard: key figures of the back office in one response." };
