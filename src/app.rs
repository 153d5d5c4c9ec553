//! Builds the application: first the infrastructure, then the services that use it.
use std::path::PathBuf;

use crate::{
    config::Config,
    domain::locale::Locales,
    http::{
        cursor::CursorKey,
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
            invoices::{CountryRoutes, Invoices, InvoicesV1, PdfRenderer, Seller},
            rates::{FallbackRates, RateFetcher, RateSource, Rates},
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
        events::{EventLimits, Events},
        health::Health,
        jobs::Jobs,
        redirects::{RedirectHosts, Redirects},
        shared::secrets::load_or_create_secret,
        upstreams::{UpstreamSettings, Upstreams},
        webhooks::{
            inbound::{ProviderConfig, WebhookEvents},
            outbound::WebhookEndpoints,
        },
    },
};

/// Settings of the services.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether anyone can create a reader account.
    pub registration: bool,
    /// The issuer (`iss`) of access tokens.
    pub issuer: String,
    pub locales: Locales,
    /// Exchange rates to use while none are stored.
    pub fallback_rates: FallbackRates,
    /// The provider of exchange rates.
    pub rates_source: Option<RateSource>,
    /// Whether outgoing requests may connect to addresses that are not public.
    pub allow_private_networks: bool,
    /// The MMDB file that maps addresses to countries.
    pub geo_database: Option<PathBuf>,
    pub geo_routes: CountryRoutes,
    /// The issuer of the invoices.
    pub seller: Seller,
    /// Providers whose webhooks are accepted, with their secrets.
    pub webhooks: ProviderConfig,
    /// Upstream services that requests are forwarded to.
    pub upstreams: UpstreamSettings,
    /// The `source` of events (CloudEvents).
    pub event_source: String,
    /// The folder that is imported again after a push to GitHub.
    pub github_docs_folder: Option<PathBuf>,
    /// The hosts that redirects may target.
    pub redirect_sites: RedirectHosts,
    /// The folder of images and of uploads in progress.
    pub media_dir: PathBuf,
    /// The bucket that stores the images; `None` stores them in the folder.
    pub bucket: Option<S3Config>,
    /// Days for which deleted items can be restored.
    pub trash_retention_days: u16,
    /// Limits on event streams.
    pub event_limits: EventLimits,
    /// Whether sign-in attempts are rate limited.
    pub rate_limits: bool,
}

impl Settings {
    pub fn from_config(config: &Config) -> Self {
        let issuer = match config.text("public_url") {
            "" => "tenon",
            url => url,
        };
        let source = match config.text("public_url") {
            "" => "/",
            url => url,
        };
        Settings {
            registration: config.registration,
            issuer: issuer.to_owned(),
            locales: config.locales.clone(),
            fallback_rates: config.fallback.clone(),
            rates_source: config.rates.clone(),
            allow_private_networks: config.outgoing_private,
            geo_database: config.geo_database(),
            geo_routes: config.geo_routes.clone(),
            seller: config.seller.clone(),
            webhooks: config.webhooks.clone(),
            upstreams: config.upstreams.clone(),
            event_source: source.to_owned(),
            github_docs_folder: config.webhooks_github_docs(),
            redirect_sites: RedirectHosts::new(config.text("public_url"), config.redirect_hosts.clone()),
            media_dir: config.media_dir(),
            bucket: config.bucket.clone(),
            trash_retention_days: config.trash_days,
            event_limits: config.event_limits,
            rate_limits: config.rate_limits,
        }
    }

    fn blobs(&self) -> Result<Blobs> {
        match &self.bucket {
            None => Ok(Blobs::folder(self.media_dir.clone())),
            Some(account) => Blobs::bucket(account, &self.media_dir)
                .map_err(|error| Error::Internal(format!("the S3 bucket cannot be used: {error}"))),
        }
    }
}

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
    pub github_docs: Option<PathBuf>,
}

impl App {
    pub async fn new(db: Db, clock: Clock, settings: Settings) -> Result<App> {
        let cursors = CursorKey::new(load_or_create_secret(&db, "cursors").await?.expose());
        let previews = PreviewKey::new(load_or_create_secret(&db, "previews").await?.expose());
        let limiter = if settings.rate_limits { RateLimiter::in_memory() } else { RateLimiter::Off };
        let tags = Tags::new(db.clone(), clock.clone(), cursors.clone());
        let trash = Trash::from_days(settings.trash_retention_days);
        let posts = Posts::new(db.clone(), clock.clone(), tags.clone(), cursors.clone(), previews, trash);
        let api_keys = ApiKeys::new(db.clone(), clock.clone(), cursors.clone());
        let sessions = Sessions::new(api_keys.clone(), cursors.clone(), &settings.issuer, limiter).await?;
        sessions.rotate_keys().await?;
        let media = MediaLibrary::new(db.clone(), clock.clone(), cursors.clone(), settings.blobs()?);
        let billing = Billing::new(&db, &clock, &cursors, &settings)?;
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
            events: Events::new(db.clone(), clock.clone(), settings.event_limits),
            jobs: Jobs::new(db.clone(), clock.clone(), cursors.clone()),
            health: Health::new(db.clone(), clock.clone(), billing.refresh.clone()),
            rate_fetcher: billing.refresh,
            media,
            messages: Messages::new(db.clone(), clock.clone(), cursors.clone()),
            posts,
            redirects: Redirects::new(db.clone(), clock.clone(), cursors.clone(), settings.redirect_sites),
            tags,
            upstreams: Upstreams::new(
                settings.upstreams.clone(),
                http_client(settings.upstreams.allow_private_networks)?,
            ),
            webhook_endpoints: WebhookEndpoints::new(
                db.clone(),
                clock.clone(),
                cursors.clone(),
                billing.outgoing,
                settings.event_source,
            ),
            webhook_events: WebhookEvents::new(db.clone(), clock.clone(), cursors.clone(), settings.webhooks),
            github_docs: settings.github_docs_folder,
            users: Users::new(sessions.clone(), cursors.clone(), settings.registration),
            authors: Authors::new(db.clone(), cursors),
            api_keys,
            sessions,
            db,
            clock,
        })
    }
}

/// Creates the HTTP client for outgoing requests. Private addresses are reachable only if `private` allows
/// them.
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
    fn new(db: &Db, clock: &Clock, cursors: &CursorKey, settings: &Settings) -> Result<Self> {
        let (db, clock, cursors) = (|| db.clone(), || clock.clone(), || cursors.clone());
        let locales = || settings.locales.clone();
        let rates = Rates::new(db(), clock(), settings.fallback_rates.clone());
        let outgoing = http_client(settings.allow_private_networks)?;
        let refresh =
            RateFetcher::new(rates.clone(), db(), clock(), outgoing.clone(), settings.rates_source.clone());
        let customers = Customers::new(db(), clock(), cursors());
        let printer = PdfRenderer::new(settings.seller.clone());
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
        let countries = GeoIp::new(settings.geo_database.clone());
        let routes = settings.geo_routes.clone();
        let former_invoices = InvoicesV1::new(invoices.clone(), countries.clone(), routes);
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
