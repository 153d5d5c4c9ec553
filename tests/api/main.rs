//! The service as its clients see it.
mod accounts;
mod keys;
mod sessions;
mod support;
