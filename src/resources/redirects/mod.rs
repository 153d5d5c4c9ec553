//! Redirects: rules that map request paths to other locations. Operations of the API have precedence.
mod action;
mod api;
mod cache;
mod conditions;
mod cycles;
mod destination;
mod example;
mod files_api;
pub mod formats;
mod hosts;
mod import;
mod list;
mod path;
mod rules;
mod service;
mod snapshot;
mod source;
mod status;
mod tree;
mod types;

pub use action::{RedirectMatch, RedirectRequest};
pub use api::RedirectsApi;
pub use files_api::RedirectFilesApi;
pub use hosts::RedirectHosts;
pub use import::{ImportOptions, Imported};
pub use rules::RuleContext;
pub use service::Redirects;
pub use snapshot::{Found, Rule, Snapshot};
pub use source::Pattern;
pub use status::RedirectStatus;
pub use types::{RedirectImport, RedirectInput, RedirectMap, RedirectReplacement};

use crate::http::operation::Tag;

pub const TAG: Tag =
    Tag { name: "Redirects", description: "Redirects: rules that redirect paths that match no operation." };
