//! Builds the application: first the infrastructure, then the services that use it.
mod metrics;

use std::sync::Arc;

use ring::hmac;

use crate::{
    backup::Backups,
    config::{Config, OtlpEndpoint, TelemetryConfig, WebhooksConfig},
    domain::{audit::AuditAction, result_ext::ResultExt},
    http::{
        cursor::CursorKey,
        operation_paths::OperationPaths,
        problem::{Error, Result},
    },
    infra::{
        audit_log::NewEntry,
        clock::Clock,
        daily_writes::DailyWrites,
        db::Db,
        geoip::GeoIp,
        http_client::{CallKind, CallMetrics, HttpClient},
        sealing::Sealer,
        traces::{Collector, Tracer},
    },
    resources::{
        accounts, audit, billing, chat, content, events, health, jobs, redirects,
        shared::secrets::{SealState, inspect_secrets, load_or_create_secret, open_sealer, reseal_secrets},
        upstreams, webhooks,
    },
};

/// All services.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub audit: audit::Audit,
    pub api_keys: accounts::api_keys::ApiKeys,
    pub authors: accounts::authors::Authors,
    pub backups: Backups,
    pub channels: chat::channels::Channels,
    pub comments: content::comments::Comments,
    pub customers: billing::customers::Customers,
    pub daily_writes: DailyWrites,
    pub dashboard: billing::dashboard::DashboardService,
    pub documents: content::documents::Documents,
    pub events: events::Events,
    pub geoip: GeoIp,
    pub health: health::Health,
    pub invoices: billing::invoices::Invoices,
    pub invoices_v1: billing::invoices::InvoicesV1,
    pub jobs: jobs::Jobs,
    pub media: content::media::MediaLibrary,
    pub messages: chat::messages::Messages,
    pub posts: content::posts::Posts,
    queue_depth: Arc<metrics::CachedQueueDepth>,
    pub rate_fetcher: billing::rates::RateFetcher,
    pub rates: billing::rates::Rates,
    pub redirects: redirects::Redirects,
    pub revenues: billing::revenues::Revenues,
    pub sessions: accounts::sessions::Sessions,
    pub stripe_api: webhooks::inbound::StripeApi,
    pub tags: content::tags::Tags,
    /// `None` without `otlp_endpoint`.
    pub tracer: Option<Tracer>,
    trace_calls: Option<Arc<CallMetrics>>,
    pub upstreams: upstreams::Upstreams,
    pub users: accounts::users::Users,
    pub webhook_endpoints: webhooks::outbound::WebhookEndpoints,
    pub webhook_events: webhooks::inbound::WebhookEvents,
    pub webhooks_config: WebhooksConfig,
}

impl App {
    /// Creates the services. `operations` are the paths that redirects must not match.
    pub async fn new(db: Db, clock: Clock, config: &Config, operations: Arc<OperationPaths>) -> Result<App> {
        let sealer = open_sealer(&db, config).await?;
        reseal(&db, &sealer).await?;
        let cursors = load_or_create_secret(&db, &sealer, "cursors").await?;
        let cursors = CursorKey::new(cursors.expose());
        let previews = load_or_create_secret(&db, &sealer, "previews").await?;
        let previews = content::posts::PreviewKey::new(previews.expose());
        let settings = load_or_create_secret(&db, &sealer, "settings").await?;
        let settings = audit::SettingsKey::new(settings.expose());
        let sign_in = load_or_create_secret(&db, &sealer, "sign-in").await?;
        let sign_in = hmac::Key::new(hmac::HMAC_SHA256, sign_in.expose());
        let outgoing = |kind| http_client(config.server.allow_private_networks, kind);
        let collector = collector(&config.telemetry)?;
        let trace_calls = collector.as_ref().map(|collector| collector.client.calls.clone());
        let ratio = config.telemetry.trace_sample_ratio.0;
        let tracer = collector.map(|collector| Tracer::start(collector, ratio));
        let trash = content::trash::Trash::from_days(config.storage.trash_retention_days.0);
        let (db, clock, cursors, sealer) =
            (|| db.clone(), || clock.clone(), || cursors.clone(), || sealer.clone());
        let locales = || config.billing.locales.clone();

        let blobs = config.media_store();
        let blobs =
            blobs.map_err(|error| Error::Internal(format!("the S3 bucket cannot be used: {error}")))?;

        // The services that other services call.
        let tags = content::tags::Tags::new(db(), clock(), cursors());
        let posts = content::posts::Posts::new(db(), clock(), tags.clone(), cursors(), previews, trash);
        let api_keys = accounts::api_keys::ApiKeys::new(db(), clock(), cursors());
        let issuer = config.public_url().unwrap_or("tenon");
        let attempts = accounts::attempts::Attempts::new(db(), clock(), &sign_in, config.server.rate_limits);
        let sessions = accounts::sessions::Sessions::new(
            api_keys.clone(),
            cursors(),
            sealer(),
            issuer,
            attempts,
            accounts::sessions::Devices::new(sign_in),
        )
        .await?;
        sessions.rotate_keys().await?;
        let rates = billing::rates::Rates::new(db(), clock(), config.billing.rates_fallback.clone());
        let rate_fetcher = billing::rates::RateFetcher::new(
            rates.clone(),
            db(),
            clock(),
            outgoing(CallKind::Rates)?,
            &config.billing,
        );
        let customers = billing::customers::Customers::new(db(), clock(), cursors());
        let pdf = billing::invoices::PdfRenderer::new(config.seller.clone());
        let invoices =
            billing::invoices::Invoices::new(db(), clock(), cursors(), rates.clone(), locales(), pdf);
        let revenues = billing::revenues::Revenues::new(db(), clock(), cursors(), rates.clone(), locales());
        let geoip = GeoIp::new(config.geo.geo_database.clone());

        Ok(App {
            audit: audit::Audit::new(cursors(), config.audit.clone(), settings, sessions.failures.clone()),
            backups: Backups::new(db(), clock(), blobs.clone(), config),
            channels: chat::channels::Channels::new(db(), clock(), cursors()),
            comments: content::comments::Comments::new(db(), clock(), cursors(), posts.clone()),
            daily_writes: DailyWrites::new(db(), clock(), config.server.daily_write_bytes.0),
            dashboard: billing::dashboard::DashboardService::new(
                db(),
                customers.clone(),
                invoices.clone(),
                rates.clone(),
                revenues.clone(),
                locales(),
            ),
            documents: content::documents::Documents::new(db(), clock(), cursors(), trash),
            events: events::Events::new(db(), clock(), config.events.clone()),
            health: health::Health::new(
                db(),
                clock(),
                rate_fetcher.clone(),
                health::DataFolder {
                    path: config.storage.data_dir.clone(),
                    min_free_space: config.storage.min_free_space.0,
                },
            ),
            invoices_v1: billing::invoices::InvoicesV1::new(invoices.clone(), geoip.clone(), &config.geo),
            jobs: jobs::Jobs::new(db(), clock(), cursors()),
            media: content::media::MediaLibrary::new(db(), clock(), cursors(), blobs, &config.media),
            messages: chat::messages::Messages::new(db(), clock(), cursors()),
            redirects: redirects::Redirects::new(
                db(),
                clock(),
                cursors(),
                redirects::RuleContext { hosts: redirect_hosts(config), operations },
            ),
            upstreams: upstreams::Upstreams::new(
                &config.upstreams,
                config.server.timeout_scale.0,
                http_client(config.upstreams.upstreams_allow_private_networks, CallKind::Upstream)?,
            ),
            webhook_endpoints: webhooks::outbound::WebhookEndpoints::new(
                db(),
                clock(),
                cursors(),
                sealer(),
                outgoing(CallKind::Webhook)?,
                config.public_url().unwrap_or("/").to_owned(),
            ),
            webhook_events: webhooks::inbound::WebhookEvents::new(
                db(),
                clock(),
                cursors(),
                sessions.failures.clone(),
            ),
            stripe_api: webhooks::inbound::StripeApi::new(outgoing(CallKind::Stripe)?, &config.webhooks),
            webhooks_config: config.webhooks.clone(),
            users: accounts::users::Users::new(sessions.clone(), cursors(), config.server.registration),
            authors: accounts::authors::Authors::new(db(), cursors()),
            api_keys,
            customers,
            geoip,
            queue_depth: Arc::default(),
            invoices,
            posts,
            rate_fetcher,
            rates,
            revenues,
            sessions,
            tags,
            tracer,
            trace_calls,
            db: db(),
            clock: clock(),
        })
    }
}

/// Seals all secrets in the database with the current secret key, in one transaction. Returns the number of rows
/// changed: secrets that are sealed with another key, or that an earlier version of the program stored without sealing. Without
/// such a secret, it writes nothing.
pub async fn reseal(db: &Db, sealer: &Sealer) -> Result<usize> {
    let mut state = SealState::default();
    inspect_secrets(db, sealer, &mut state).await?;
    accounts::sessions::inspect_signing_keys(db, sealer, &mut state).await?;
    webhooks::outbound::inspect_webhook_secrets(db, sealer, &mut state).await?;
    if !state.is_outdated {
        return Ok(0);
    }
    let sealer = sealer.clone();
    let now = Clock::System.now();
    let changed = db.write(async move |tx| {
        if state.has_plaintext {
            tx.overwrite_replaced().await?;
        }
        let changed = reseal_secrets(&tx, &sealer).await?
            + accounts::sessions::reseal_signing_keys(&tx, &sealer).await?
            + webhooks::outbound::reseal_webhook_secrets(&tx, &sealer).await?;
        if changed > 0 {
            tx.record(NewEntry::new(AuditAction::SecretsSealed, "", now));
        }
        Ok::<_, Error>(changed)
    });
    let changed = changed.await?;
    if state.has_plaintext {
        // The file still contains the values in free pages. The secrets are usable without it.
        db.erase_free_pages().await.ok_or_log("erasing the secrets that were stored without sealing");
    }
    Ok(changed)
}

fn redirect_hosts(config: &Config) -> redirects::RedirectHosts {
    let others = config.redirects.redirect_hosts.iter().map(|host| host.0.clone()).collect();
    redirects::RedirectHosts::new(config.public_url().unwrap_or_default(), others)
}

/// Returns the receiver of traces, if one is configured. Like an S3 service, it may be in a private network.
fn collector(config: &TelemetryConfig) -> Result<Option<Collector>> {
    let collector = |endpoint: &OtlpEndpoint| {
        let client = http_client(true, CallKind::Traces)?;
        Ok(Collector::new(client, &endpoint.0, config.otlp_headers.0.clone()))
    };
    config.otlp_endpoint.as_ref().map(collector).transpose()
}

/// Creates the HTTP client for outgoing requests. `private` allows private addresses and `http://`.
fn http_client(private: bool, kind: CallKind) -> Result<HttpClient> {
    HttpClient::new(private, kind).map_err(|error| Error::Internal(error.to_string()))
}
