//! Billing: customers, invoices, revenues, exchange rates and the dashboard.
pub mod customers;
pub mod dashboard;
pub mod invoices;
pub mod rates;
pub mod revenues;
