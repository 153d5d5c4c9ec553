//! Redirects: paths that lead elsewhere, looked up before anything else.
mod api;
mod circle;
mod example;
pub mod forms;
mod glob;
mod import;
mod list;
mod live;
mod others;
mod path;
mod rules;
mod service;
mod snapshot;
mod target;
mod types;
mod web;

pub use api::RedirectsApi;
pub use path::Pattern;
pub use service::Redirects;
pub use snapshot::{Former, Found, Rule, Snapshot};
pub use target::Sites;
pub use types::{NewRedirect, RedirectImport, RedirectMap, RedirectReplacement};
