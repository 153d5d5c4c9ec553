//! The service put together: ports first, then the services on them, once.
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

/// What the services are told by the settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether anybody may make an account as a reader.
    pub registration: bool,
    /// What access tokens say they come from.
    pub issuer: String,
    pub locales: Locales,
    /// What a dollar is while nobody has told.
    pub fallback: Fallback,
    /// Who is asked for rates.
    pub rates: Option<Source>,
    /// Whether requests to the outside may go to places that are not public.
    pub outgoing_private: bool,
    /// The file that knows the countries of addresses.
    pub geo_database: Option<PathBuf>,
    pub geo_routes: Routes,
    /// Who sends the invoices.
    pub seller: Seller,
    /// Whose webhooks are believed.
    pub webhooks: Trust,
    /// Who is asked for others.
    pub upstreams: UpstreamSettings,
    /// What events say they come from.
    pub source: String,
    /// The folder that is imported again when GitHub tells of a push.
    pub github_docs: Option<PathBuf>,
    /// The sites to which redirects may lead.
    pub redirect_sites: Sites,
    /// The folder of pictures, and of uploads on their way.
    pub media_dir: PathBuf,
    /// The bucket that keeps the pictures, if the folder does not.
    pub bucket: Option<Account>,
    /// For how many days what was deleted can be brought back.
    pub trash_days: u16,
    /// How many streams of events there may be.
    pub event_limits: EventLimits,
    /// Whether tries to sign in are counted.
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
            fallback: config.fallback.clone(),
            rates: config.rates.clone(),
            outgoing_private: config.outgoing_private,
            geo_database: config.geo_database(),
            geo_routes: config.geo_routes.clone(),
            seller: config.seller.clone(),
            webhooks: config.webhooks.clone(),
            upstreams: config.upstreams.clone(),
            source: source.to_owned(),
            github_docs: config.webhooks_github_docs(),
            redirect_sites: Sites::new(config.text("public_url"), config.redirect_hosts.clone()),
            media_dir: config.media_dir(),
            bucket: config.bucket.clone(),
            trash_days: config.trash_days,
            event_limits: config.event_limits,
            rate_limits: config.rate_limits,
        }
    }

    fn blobs(&self) -> Result<Blobs> {
        match &self.bucket {
            None => Ok(Blobs::folder(self.media_dir.clone())),
            Some(account) => Blobs::bucket(account, &self.media_dir)
                .map_err(|error| Error::Internal(format!("the bucket cannot be used: {error}"))),
        }
    }
}

/// Every service of the house.
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
        let trash = Trash::of_days(settings.trash_days);
        let posts = Posts::new(db.clone(), clock.clone(), tags.clone(), cursors.clone(), previews, trash);
        let api_keys = ApiKeys::new(db.clone(), clock.clone(), cursors.clone());
        let sessions = Sessions::new(api_keys.clone(), cursors.clone(), &settings.issuer, limiter).await?;
        sessions.keep_keys().await?;
        let media = MediaLibrary::new(db.clone(), clock.clone(), cursors.clone(), settings.blobs()?);
        let office = Office::new(&db, &clock, &cursors, &settings)?;
        Ok(App {
            customers: office.customers,
            dashboard: office.dashboard,
            former_invoices: office.former_invoices,
            countries: office.countries,
            invoices: office.invoices,
            rates: office.rates,
            revenues: office.revenues,
            channels: Channels::new(db.clone(), clock.clone(), cursors.clone()),
            comments: Comments::new(db.clone(), clock.clone(), cursors.clone()),
            docs: Docs::new(db.clone(), clock.clone(), cursors.clone(), trash),
            events: Events::new(db.clone(), clock.clone(), settings.event_limits),
            jobs: Jobs::new(db.clone(), clock.clone(), cursors.clone()),
            health: Health::new(db.clone(), clock.clone(), office.refresh.clone()),
            refresh: office.refresh,
            media,
            messages: Messages::new(db.clone(), clock.clone(), cursors.clone()),
            posts,
            redirects: Redirects::new(db.clone(), clock.clone(), cursors.clone(), settings.redirect_sites),
            tags,
            upstreams: Upstreams::new(settings.upstreams.clone(), outgoing(settings.upstreams.private)?),
            webhook_endpoints: WebhookEndpoints::new(
                db.clone(),
                clock.clone(),
                cursors.clone(),
                office.outgoing,
                settings.source,
            ),
            webhook_events: WebhookEvents::new(db.clone(), clock.clone(), cursors.clone(), settings.webhooks),
            github_docs: settings.github_docs,
            users: Users::new(sessions.clone(), cursors.clone(), settings.registration),
            authors: Authors::new(db.clone(), cursors),
            api_keys,
            sessions,
            db,
            clock,
        })
    }
}

/// What the service asks others through, within the house only if that is allowed.
fn outgoing(private: bool) -> Result<Outgoing> {
    Outgoing::new(private).map_err(|error| Error::Internal(error.to_string()))
}

/// The services of the back office, which lean on each other.
struct Office {
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

impl Office {
    fn new(db: &Db, clock: &Clock, cursors: &CursorKey, settings: &Settings) -> Result<Self> {
        let (db, clock, cursors) = (|| db.clone(), || clock.clone(), || cursors.clone());
        let locales = || settings.locales.clone();
        let rates = Rates::new(db(), clock(), settings.fallback.clone());
        let outgoing = outgoing(settings.outgoing_private)?;
        let refresh = Refresh::new(rates.clone(), db(), clock(), outgoing.clone(), settings.rates.clone());
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
        Ok(Office {
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
