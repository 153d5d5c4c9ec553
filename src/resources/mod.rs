//! One folder per resource.
pub mod api_keys;
pub mod authors;
pub mod comments;
pub mod customers;
pub mod docs;
pub mod health;
pub mod imports;
pub mod invoices;
pub mod me;
pub mod posts;
pub mod rates;
pub mod redirects;
pub mod secrets;
pub mod sessions;
pub mod standing;
pub mod tags;
pub mod users;
