//! Monthly revenues: the sum of paid invoices, or an imported figure that replaces the sum.
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

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Revenues", description: "Revenues: monthly revenue in the currency of a locale." };
