//! Redirects: rules that map request paths to other locations. Operations of the API have precedence.
mod api;
mod cache;
mod cycles;
mod destination;
mod example;
mod files_api;
pub mod formats;
mod import;
mod list;
mod path;
mod rules;
mod service;
mod snapshot;
mod types;

pub use api::RedirectsApi;
pub use destination::RedirectHosts;
pub use files_api::RedirectFilesApi;
pub use path::Pattern;
pub use rules::RuleContext;
pub use service::Redirects;
pub use snapshot::{RedirectMatch, Rule, Snapshot};
pub use types::{RedirectImport, RedirectInput, RedirectMap, RedirectReplacement};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Redirects", description: "Redirects: rules that redirect paths that match no operation." };
