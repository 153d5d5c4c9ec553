//! Customers: the recipients of invoices. Their e-mail addresses are unique.
mod api;
mod example;
mod import;
mod service;
mod types;

pub use api::CustomersApi;
pub use example::example_id;
pub use import::ImportedCustomer;
pub use service::Customers;
pub use types::{Customer, CustomerInput, CustomerRef};

use crate::http::operation::Tag;

pub const TAG: Tag = Tag { name: "Customers", description: "Customers: the recipients of invoices." };
