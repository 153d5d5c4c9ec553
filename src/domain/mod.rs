//! Value types without HTTP or SQL: identifiers, dates, money, locales, texts, slugs, secrets, event types, audit
//! actions.
pub mod audit;
pub mod client_key;
pub mod date;
pub mod event;
pub mod id;
pub mod locale;
pub mod money;
pub mod names;
pub mod network;
pub mod origin;
pub mod pattern;
pub mod principal;
pub mod result_ext;
pub mod scalar;
pub mod scope;
pub mod search;
pub mod secret;
pub mod slug;
pub mod text;
pub mod timestamp;
