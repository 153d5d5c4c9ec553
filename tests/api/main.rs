//! The API, tested in-process.
#[macro_use]
extern crate macros;

mod access;
mod access_log;
mod accounts;
mod all_operations;
mod api_keys;
mod audit;
mod back_office;
mod backup;
mod channels;
mod client_limits;
mod commands;
mod concurrency;
mod connections;
mod content;
mod contract_check;
mod dashboard;
mod deferred_deletes;
mod doctor;
mod documents;
mod entity_tags;
mod event_connections;
mod events;
mod exports;
mod geo;
mod geo_commands;
mod harness;
mod imports;
mod jobs;
mod lists;
mod lowered_roles;
mod media;
mod media_commands;
mod media_serving;
mod media_variants;
mod metrics;
mod metrics_parser;
mod mmdb;
mod multipart;
mod normalization;
mod openapi_pages;
mod operation_precedence;
mod pdf;
mod post_keys;
mod posts;
mod processes;
mod query_log;
mod rates;
mod redirect_files;
mod redirects;
mod rejections;
mod response_cache;
mod revisions;
mod restore;
mod schedule;
mod scheduled_backups;
mod secrets_at_rest;
mod sessions;
mod sign_in_limits;
mod storage_faults;
mod support;
mod traces;
mod trash;
mod upgrades;
mod upstreams;
mod visibility;
mod webhook_actions;
mod webhook_endpoints;
mod webhook_receiver;
mod webhook_retention;
mod webhooks;
mod webhooks_paypal;

fn main() -> std::process::ExitCode {
    harness::run()
}
