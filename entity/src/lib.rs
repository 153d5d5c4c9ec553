//! SeaORM entities, one module per table, with the enums of their columns. Enums that the API uses also have their
//! schema here. This crate contains no business rules.
pub mod alias;
pub mod api_key;
pub mod api_key_address;
pub mod audit_chain;
pub mod audit_entry;
pub mod audit_setting;
pub mod channel;
pub mod collection;
pub mod comment;
pub mod customer;
pub mod daily_write;
pub mod document;
pub mod event;
pub mod idempotency_key;
pub mod import;
pub mod invoice;
pub mod job;
pub mod lease;
pub mod media;
pub mod media_orphan;
pub mod media_variant;
pub mod message;
pub mod post;
pub mod post_coauthor;
pub mod post_slug;
pub mod post_tag;
pub mod preview;
pub mod rate;
pub mod redacted;
pub mod redirect;
pub mod revenue;
pub mod revision;
pub mod secret;
pub mod sequence;
pub mod session;
pub mod shared_limit;
pub mod signing_key;
pub mod tag;
pub mod user;
pub mod webhook_delivery;
pub mod webhook_endpoint;
pub mod webhook_event;

mod unknown_value;

pub use unknown_value::unknown_value;
