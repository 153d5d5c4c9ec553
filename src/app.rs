//! Builds the application: first the infrastructure, then the services that use it.
use std::sync::Arc;

use crate::{
    config::{Config, WebhooksConfig},
    http::{
        cursor::CursorKey,
        operation_paths::OperationPaths,
        problem::{Error, Result},
    },
    infra::{
        blobs::{Blobs, S3Config},
        clock::Clock,
        db::Db,
        geoip::GeoIp,
        http_client::HttpClient,
        rate_limiter::RateLimiter,
    },
    resources::{
        accounts::{api_keys::ApiKeys, authors::Authors, sessions::Sessions, users::Users},
        billing::{
            customers::Customers,
            dashboard::DashboardService,
            invoices::{Invoices, InvoicesV1, PdfRenderer},
            rates::{RateFetcher, Rates},
            revenues::Revenues,
        },
        chat::{channels::Channels, messages::Messages},
        content::{
            comments::Comments,
            documents::Documents,
            media::MediaLibrary,
            posts::{Posts, PreviewKey},
            tags::Tags,
            trash::Trash,
        },
        events::Events,
        health::Health,
        jobs::Jobs,
        redirects::{RedirectHosts, Redirects, RuleContext},
        shared::secrets::load_or_create_secret,
        upstreams::Upstreams,
        webhooks::{inbound::WebhookEvents, outbound::WebhookEndpoints},
    },
};

/// All services.
#[derive(Clone)]
pub struct App {
    pub db: Db,
    pub clock: Clock,
    pub channels: Channels,
    pub comments: Comments,
    pub customers: Customers,
    pub dashboard: DashboardService,
    pub documents: Documents,
    pub events: Events,
    pub health: Health,
    pub invoices: Invoices,
    pub jobs: Jobs,
    pub invoices_v1: InvoicesV1,
    pub media: MediaLibrary,
    pub messages: Messages,
    pub geoip: GeoIp,
    pub posts: Posts,
    pub rates: Rates,
    pub rate_fetcher: RateFetcher,
    pub revenues: Revenues,
    pub redirects: Redirects,
    pub tags: Tags,
    pub api_keys: ApiKeys,
    pub sessions: Sessions,
    pub upstreams: Upstreams,
    pub users: Users,
    pub webhook_endpoints: WebhookEndpoints,
    pub authors: Authors,
    pub webhook_events: WebhookEvents,
    pub webhooks_config: WebhooksConfig,
}

impl App {
    /// Creates the services. `operations` are the paths that redirects must not match.
    pub async fn new(db: Db, clock: Clock, config: &Config, operations: Arc<OperationPaths>) -> Result<App> {
        let cursors = CursorKey::new(load_or_create_secret(&db, "cursors").await?.expose());
        let previews = PreviewKey::new(load_or_create_secret(&db, "previews").await?.expose());
        let limiter = if config.server.rate_limits { RateLimiter::in_memory() } else { RateLimiter::Off };
        let tags = Tags::new(db.clone(), clock.clone(), cursors.clone());
        let trash = Trash::from_days(config.storage.trash_retention_days.0);
        let posts = Posts::new(db.clone(), clock.clone(), tags.clone(), cursors.clone(), previews, trash);
        let api_keys = ApiKeys::new(db.clone(), clock.clone(), cursors.clone());
        let sessions =
            Sessions::new(api_keys.clone(), cursors.clone(), config.public_url().unwrap_or("tenon"), limiter)
                .await?;
        sessions.rotate_keys().await?;
        let media = MediaLibrary::new(db.clone(), clock.clone(), cursors.clone(), blobs(config)?);
        let billing = Billing::new(&db, &clock, &cursors, config)?;
        Ok(App {
            customers: billing.customers,
            dashboard: billing.dashboard,
            invoices_v1: billing.former_invoices,
            geoip: billing.countries,
            invoices: billing.invoices,
            rates: billing.rates,
            revenues: billing.revenues,
            channels: Channels::new(db.clone(), clock.clone(), cursors.clone()),
            comments: Comments::new(db.clone(), clock.clone(), cursors.clone(), posts.clone()),
            documents: Documents::new(db.clone(), clock.clone(), cursors.clone(), trash),
            events: Events::new(db.clone(), clock.clone(), config.events.clone()),
            jobs: Jobs::new(db.clone(), clock.clone(), cursors.clone()),
            health: Health::new(db.clone(), clock.clone(), billing.refresh.clone()),
            rate_fetcher: billing.refresh,
            media,
            messages: Messages::new(db.clone(), clock.clone(), cursors.clone()),
            posts,
            redirects: Redirects::new(
                db.clone(),
                clock.clone(),
                cursors.clone(),
                RuleContext { hosts: redirect_hosts(config), operations },
            ),
            tags,
            upstreams: Upstreams::new(
                &config.upstreams,
                config.server.timeout_scale.0,
                http_client(config.upstreams.upstreams_allow_private_networks)?,
            ),
            webhook_endpoints: WebhookEndpoints::new(
                db.clone(),
                clock.clone(),
                cursors.clone(),
                billing.outgoing,
                config.public_url().unwrap_or("/").to_owned(),
            ),
            webhook_events: WebhookEvents::new(db.clone(), clock.clone(), cursors.clone()),
            webhooks_config: config.webhooks.clone(),
            users: Users::new(sessions.clone(), cursors.clone(), config.server.registration),
            authors: Authors::new(db.clone(), cursors),
            api_keys,
            sessions,
            db,
            clock,
        })
    }
}

/// Creates the store of images: the bucket if one is configured, otherwise the folder.
fn blobs(config: &Config) -> Result<Blobs> {
    let storage = &config.storage;
    let Some(bucket) = &storage.s3_bucket else { return Ok(Blobs::folder(config.media_dir())) };
    let account = S3Config {
        endpoint: storage.s3_endpoint.as_ref().map_or_else(String::new, |endpoint| endpoint.0.clone()),
        region: storage.s3_region.clone(),
        bucket: bucket.0.clone(),
        access_key: storage.s3_access_key.clone().unwrap_or_default(),
        secret_key: storage.s3_secret_key.as_ref().map_or_else(String::new, |key| key.expose().clone()),
        prefix: storage.s3_prefix.0.clone(),
        virtual_host: storage.s3_virtual_host,
    };
    Blobs::bucket(&account, &config.media_dir())
        .map_err(|error| Error::Internal(format!("the S3 bucket cannot be used: {error}")))
}

fn redirect_hosts(config: &Config) -> RedirectHosts {
    let others = config.redirects.redirect_hosts.iter().map(|host| host.0.clone()).collect();
    RedirectHosts::new(config.public_url().unwrap_or_default(), others)
}

/// Creates the HTTP client for outgoing requests. `private` allows private addresses and `http://`.
fn http_client(private: bool) -> Result<HttpClient> {
    HttpClient::new(private).map_err(|error| Error::Internal(error.to_string()))
}

/// The billing services, which depend on each other.
struct Billing {
    outgoing: HttpClient,
    countries: GeoIp,
    customers: Customers,
    dashboard: DashboardService,
    former_invoices: InvoicesV1,
    invoices: Invoices,
    rates: Rates,
    refresh: RateFetcher,
    revenues: Revenues,
}

impl Billing {
    fn new(db: &Db, clock: &Clock, cursors: &CursorKey, config: &Config) -> Result<Self> {
        let (db, clock, cursors) = (|| db.clone(), || clock.clone(), || cursors.clone());
        let locales = || config.billing.locales.clone();
        let rates = Rates::new(db(), clock(), config.billing.rates_fallback.clone());
        let outgoing = http_client(config.server.allow_private_networks)?;
        let refresh = RateFetcher::new(rates.clone(), db(), clock(), outgoing.clone(), &config.billing);
        let customers = Customers::new(db(), clock(), cursors());
        let printer = PdfRenderer::new(config.seller.clone());
        let invoices = Invoices::new(db(), clock(), cursors(), rates.clone(), locales(), printer);
        let revenues = Revenues::new(db(), clock(), cursors(), rates.clone(), locales());
        let dashboard = DashboardService::new(
            db(),
            customers.clone(),
            invoices.clone(),
            rates.clone(),
            revenues.clone(),
            locales(),
        );
        let countries = GeoIp::new(config.geo.geo_database.clone());
        let former_invoices = InvoicesV1::new(invoices.clone(), countries.clone(), &config.geo);
        Ok(Billing {
            outgoing,
            countries,
            customers,
            dashboard,
            former_invoices,
            invoices,
            rates,
            refresh,
            revenues,
        })
    }
}
