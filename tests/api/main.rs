//! The service as its clients see it.
mod access;
mod accounts;
mod commands;
mod content;
mod every;
mod hidden;
mod imports;
mod keys;
mod lists;
mod office;
mod posts;
mod refusals;
mod sessions;
mod site;
mod statements;
mod support;
mod together;
