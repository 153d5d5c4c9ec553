//! Redirects: rules that map request paths to other locations. The server looks them up before it routes a
//! request.
mod api;
mod cache;
mod cycles;
mod destination;
mod example;
mod files_api;
pub mod formats;
mod graph;
mod import;
mod list;
mod path;
mod path_set;
mod protected;
mod rules;
mod service;
mod snapshot;
mod types;

pub use api::RedirectsApi;
pub use destination::RedirectHosts;
pub use files_api::RedirectFilesApi;
pub use path::Pattern;
pub use service::Redirects;
pub use snapshot::{FormerPaths, RedirectMatch, Rule, Snapshot};
pub use types::{RedirectImport, RedirectInput, RedirectMap, RedirectReplacement};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Redirects", description: "Redirects: rules that redirect paths, applied before routing." };
