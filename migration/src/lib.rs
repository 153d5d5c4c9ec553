//! Schema migrations, in order. Each has an `up` and a `down` step.
pub use sea_orm_migration::prelude::*;

mod columns;
mod m20261121_000001_accounts;
mod m20261121_000002_posts;
mod m20261121_000003_comments;
mod m20261121_000004_service;
mod m20261121_000005_billing;
mod m20261121_000006_redirects;
mod m20261121_000007_leases;
mod m20261121_000008_jobs;
mod m20261121_000009_webhook_events;
mod m20261121_000010_revisions;
mod m20261121_000011_media;
mod m20261121_000012_webhook_endpoints;
mod m20261121_000013_channels;
mod m20261129_000014_post_lists;
mod m20261129_000015_notify_collections;
mod m20261129_000016_session_secret;
mod m20261129_000017_audit;
mod m20261129_000018_rights;
mod m20261129_000020_api_key_addresses;
mod m20261129_000021_shared_limits;
mod m20261129_000022_media_variants;
mod m20261129_000023_daily_writes;
mod m20261129_000025_payments;
mod m20261129_000026_endpoint_headers;
mod m20261129_000027_redirect_conditions;
mod m20261129_000028_audit_request;
mod m20261129_000029_media_dominant_color;

pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_accounts::Migration),
            Box::new(m20261121_000002_posts::Migration),
            Box::new(m20261121_000003_comments::Migration),
            Box::new(m20261121_000004_service::Migration),
            Box::new(m20261121_000005_billing::Migration),
            Box::new(m20261121_000006_redirects::Migration),
            Box::new(m20261121_000007_leases::Migration),
            Box::new(m20261121_000008_jobs::Migration),
            Box::new(m20261121_000009_webhook_events::Migration),
            Box::new(m20261121_000010_revisions::Migration),
            Box::new(m20261121_000011_media::Migration),
            Box::new(m20261121_000012_webhook_endpoints::Migration),
            Box::new(m20261121_000013_channels::Migration),
            Box::new(m20261129_000014_post_lists::Migration),
            Box::new(m20261129_000015_notify_collections::Migration),
            Box::new(m20261129_000016_session_secret::Migration),
            Box::new(m20261129_000017_audit::Migration),
            Box::new(m20261129_000018_rights::Migration),
            Box::new(m20261129_000020_api_key_addresses::Migration),
            Box::new(m20261129_000021_shared_limits::Migration),
            Box::new(m20261129_000022_media_variants::Migration),
            Box::new(m20261129_000023_daily_writes::Migration),
            Box::new(m20261129_000025_payments::Migration),
            Box::new(m20261129_000026_endpoint_headers::Migration),
            Box::new(m20261129_000027_redirect_conditions::Migration),
            Box::new(m20261129_000028_audit_request::Migration),
            Box::new(m20261129_000029_media_dominant_color::Migration),
        ]
    }
}

/// Returns whether this program has the migration with this name.
pub fn is_known(name: &str) -> bool {
    Migrator::migrations().iter().any(|migration| migration.name() == name)
}

/// Returns the name of the latest migration. A database with a later migration belongs to a newer version of the
/// program.
pub fn newest() -> String {
    Migrator::migrations().last().map(|migration| migration.name().to_owned()).unwrap_or_default()
}
