//! Redirects: paths that lead elsewhere, looked up before anything else.
pub mod glob;
pub mod path;
pub mod snapshot;
pub mod target;
pub mod web;
