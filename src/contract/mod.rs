//! The words every resource speaks.
pub mod answer;
pub mod attempt;
pub mod cache;
pub mod caller;
pub mod check;
pub mod code;
pub mod cursor;
pub mod etag;
pub mod id;
pub mod or_log;
pub mod page;
pub mod patch;
pub mod problem;
pub mod request;
mod scalar;
pub mod slug;
pub mod secret;
pub mod time;
