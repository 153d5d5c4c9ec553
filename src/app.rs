//! Builds the application: first the infrastructure, then the services that use it.
use std::path::PathBuf;

use crate::{
    config::Config,
    contract::{
        cursor::CursorKey,
        locale::Locales,
        problem::{Error, Result},
    },
    ports::{
        blobs::{Account, Blobs},
        clock::Clock,
        country::Countries,
        db::Db,
        limiter::Limiter,
        outgoing::Outgoing,
    },
    resources::{
        api_keys::ApiKeys,
        authors::Authors,
        channels::Channels,
        comments::Comments,
        customers::Customers,
        dashboard::DashboardService,
        docs::Docs,
        events::{EventLimits, Events},
        health::Health,
        invoices::{Former, Invoices, Printer, Routes, Seller},
        jobs::Jobs,
        media::MediaLibrary,
        messages::Messages,
        posts::{Posts, PreviewKey},
        rates::{Fallback, Rates, Refresh, Source},
        redirects::{Redirects, Sites},
        revenues::Revenues,
        secrets::secret,
        sessions::Sessions,
        tags::Tags,
        trash::Trash,
        upstreams::{UpstreamSettings, Upstreams},
        users::Users,
        webhook_endpoints::WebhookEndpoints,
        webhook_events::{Trust, WebhookEvents},
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
    pub fallback_rates: Fallback,
    /// The provider of exchange rates.
    pub rates_source: Option<Source>,
    /// Whether outgoing requests may connect to addresses that are not public.
    pub allow_private_networks: bool,
    /// The MMDB file that maps addresses to countries.
    pub geo_database: Option<PathBuf>,
    pub geo_routes: Routes,
    /// The issuer of the invoices.
    pub seller: Seller,
    /// Providers whose webhooks are accepted, with their secrets.
    pub webhooks: Trust,
    /// Upstream services that requests are forwarded to.
    pub upstreams: UpstreamSettings,
    /// The `source` of events (CloudEvents).
    pub event_source: String,
    /// The folder that is imported again after a push to GitHub.
    pub github_docs_folder: Option<PathBuf>,
    /// The hosts that redirects may target.
    pub redirect_sites: Sites,
    /// The folder of images and of uploads in progress.
    pub media_dir: PathBuf,
    /// The bucket that stores the images; `None` stores them in the folder.
    pub bucket: Option<Account>,
    /// Days for which deleted items can be restored.
    pub trash_retention_days: u16,
    /// Limits on event streams.
    pub event_limits: EventLimits,
    /// Whether sign-in attempts are rate limited.
    pub rate_limits: bool,
}

impl Settings {
    pub fn of(config: &Config) -> Self {
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
            redirect_sites: Sites::new(config.text("public_url"), config.redirect_hosts.clone()),
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
    pub docs: Docs,
    pub events: Events,
    pub health: Health,
    pub invoices: Invoices,
    pub jobs: Jobs,
    pub former_invoices: Former,
    pub media: MediaLibrary,
    pub messages: Messages,
    pub countries: Countries,
    pub posts: Posts,
    pub rates: Rates,
    pub refresh: Refresh,
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
        let cursors = CursorKey::new(secret(&db, "cursors").await?.expose());
        let previews = PreviewKey::new(secret(&db, "previews").await?.expose());
        let limiter = if settings.rate_limits { Limiter::memory() } else { Limiter::Off };
        let tags = Tags::new(db.clone(), clock.clone(), cursors.clone());
        let trash = Trash::of_days(settings.trash_retention_days);
        let posts = Posts::new(db.clone(), clock.clone(), tags.clone(), cursors.clone(), previews, trash);
        let api_keys = ApiKeys::new(db.clone(), clock.clone(), cursors.clone());
        let sessions = Sessions::new(api_keys.clone(), cursors.clone(), &settings.issuer, limiter).await?;
        sessions.keep_keys().await?;
        let media = MediaLibrary::new(db.clone(), clock.clone(), cursors.clone(), settings.blobs()?);
        let billing = Billing::new(&db, &clock, &cursors, &settings)?;
        Ok(App {
            customers: billing.customers,
            dashboard: billing.dashboard,
            former_invoices: billing.former_invoices,
            countries: billing.countries,
            invoices: billing.invoices,
            rates: billing.rates,
            revenues: billing.revenues,
            channels: Channels::new(db.clone(), clock.clone(), cursors.clone()),
            comments: Comments::new(db.clone(), clock.clone(), cursors.clone()),
            docs: Docs::new(db.clone(), clock.clone(), cursors.clone(), trash),
            events: Events::new(db.clone(), clock.clone(), settings.event_limits),
            jobs: Jobs::new(db.clone(), clock.clone(), cursors.clone()),
            health: Health::new(db.clone(), clock.clone(), billing.refresh.clone()),
            refresh: billing.refresh,
            media,
            messages: Messages::new(db.clone(), clock.clone(), cursors.clone()),
            posts,
            redirects: Redirects::new(db.clone(), clock.clone(), cursors.clone(), settings.redirect_sites),
            tags,
            upstreams: Upstreams::new(settings.upstreams.clone(), http_client(settings.upstreams.private)?),
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
fn http_client(private: bool) -> Result<Outgoing> {
    Outgoing::new(private).map_err(|error| Error::Internal(error.to_string()))
}

/// The billing services, which depend on each other.
struct Billing {
    outgoing: Outgoing,
    countries: Countries,
    customers: Customers,
    dashboard: DashboardService,
    former_invoices: Former,
    invoices: Invoices,
    rates: Rates,
    refresh: Refresh,
    revenues: Revenues,
}

impl Billing {
    fn new(db: &Db, clock: &Clock, cursors: &CursorKey, settings: &Settings) -> Result<Self> {
        let (db, clock, cursors) = (|| db.clone(), || clock.clone(), || cursors.clone());
        let locales = || settings.locales.clone();
        let rates = Rates::new(db(), clock(), settings.fallback_rates.clone());
        let outgoing = http_client(settings.allow_private_networks)?;
        let refresh =
            Refresh::new(rates.clone(), db(), clock(), outgoing.clone(), settings.rates_source.clone());
        let customers = Customers::new(db(), clock(), cursors());
        let printer = Printer::new(settings.seller.clone());
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
        let countries = Countries::new(settings.geo_database.clone());
        let routes = settings.geo_routes.clone();
        let former_invoices = Former::new(invoices.clone(), countries.clone(), routes);
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
