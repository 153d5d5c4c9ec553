//! The dashboard: what an office looks at first, in one answer.
mod api;
mod example;
mod service;
mod types;

pub use api::DashboardApi;
pub use service::DashboardService;
