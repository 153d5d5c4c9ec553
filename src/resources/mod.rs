//! One folder per resource, in groups.
pub mod accounts;
pub mod audit;
pub mod billing;
pub mod chat;
pub mod content;
pub mod events;
pub mod health;
pub mod jobs;
pub mod redirects;
pub mod shared;
pub mod upstreams;
pub mod webhooks;
