//! The tables, one module each. Nothing here knows about HTTP or about rules.
pub mod alias;
pub mod api_key;
pub mod collection;
pub mod comment;
pub mod document;
pub mod idempotency_key;
pub mod import;
pub mod post;
pub mod post_coauthor;
pub mod post_slug;
pub mod post_tag;
pub mod preview;
pub mod secret;
pub mod session;
pub mod signing_key;
pub mod tag;
pub mod user;
