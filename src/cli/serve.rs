//! `tenon serve`: starts the server, the workers and the periodic tasks.
use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    app, demo,
    errors::{database_message, message},
    print,
};
use crate::{
    api,
    app::App,
    config::{Config, LogFormat},
    contract::{
        money::Currency,
        or_log::OrLog,
        problem::{self, Error},
    },
    edge::{Budgets, Cors, Edge, Elsewhere, Signpost, limits::Limits, server, site::Site},
    jobs::{self, Pace},
    ports::limiter::Limiter,
    resources::redirects::Found,
};

#[derive(Args)]
pub struct Serve {
    /// Address and port to listen on; port 0 selects a free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Header in which trusted proxies send the client address: x-forwarded-for or forwarded
    /// [default: x-forwarded-for]
    #[arg(long, value_name = "HEADER")]
    pub forwarded_header: Option<String>,
    /// Fill an empty database with demo content
    #[arg(long)]
    pub demo: bool,
}

const NO_ADMIN: &str = "there is no admin yet. Create one: \
                        tenon user create --role admin --password-stdin --email E --name N\n";

impl Serve {
    pub async fn run(self, mut config: Config) -> Result<ExitCode, String> {
        init_log(&config);
        let limits = Limits::default().scaled(config.timeout_scale);
        // Event streams stay open for hours, so they may use at most four fifths of the connections.
        config.event_limits.all = config.event_limits.all.min(limits.connections / 5 * 4);
        let app = app(&config).await?;
        if self.demo && !demo::fill(&app).await.map_err(|error| message(&error))? {
            print("the database already has content: skipped the demo content\n");
        }
        let listener = server::listen(config.listen).map_err(|error| {
            format!("cannot listen on {}: {error}. Set another address with --listen", config.listen)
        })?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        match config.text("public_url") {
            "" => problem::set_base(&format!("http://{address}")),
            url => problem::set_base(url),
        }
        let edge = Arc::new(edge(&app, &config)?);
        let (stop, stopping) = watch::channel(false);
        let (health, events) = (app.health.clone(), app.events.clone());
        tokio::spawn(async move {
            stop_signal().await;
            health.drain();
            events.stop();
            let _ = stop.send(true);
        });
        tokio::spawn(hourly_maintenance(app.clone()));
        tokio::spawn(app.refresh.clone().keep(stopping.clone()));
        jobs::schedule::begin(&app).await.or_log("starting the schedules");
        let pace = Pace::scaled(config.timeout_scale);
        let workers = tokio::spawn(jobs::work(app.clone(), pace, stopping.clone()));
        app.redirects.refresh().await.or_log("loading the redirects");
        let redirects = app.redirects.clone();
        tokio::spawn(async move { redirects.tend().await });
        app.countries.refresh().await;
        tokio::spawn(app.countries.clone().keep());
        if app.users.find_key_owner(None).await.is_ok_and(|admin| admin.is_none()) {
            print(NO_ADMIN);
        }
        print(&format!("listening on http://{address}\n"));
        server::serve(listener, limits, config.proxies.clone(), edge, stopping)
            .await
            .map_err(|error| error.to_string())?;
        let _ = workers.await;
        app.redirects.flush().await.or_log("storing the hit counts of redirects");
        app.db.close().await.map_err(|error| database_message(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Logs a warning for each stored currency without an exchange rate. This happens when rates are removed from
/// the settings after amounts were stored.
async fn warn_missing_rates(app: &App) -> problem::Result<()> {
    let (invoices, revenues) = (app.invoices.currencies().await?, app.revenues.currencies().await?);
    for currency in invoices.into_iter().chain(revenues).collect::<BTreeSet<_>>() {
        match app.rates.exchanges(&[currency], Currency::USD).await {
            Err(error @ Error::Unrated(_)) => {
                tracing::warn!(%error, "cannot convert the amounts of some invoices or revenues")
            }
            rates => drop(rates?),
        }
    }
    Ok(())
}

/// The maximum `max-age` of a redirect, in seconds. Without it, browsers would cache a wrong permanent
/// redirect indefinitely.
const MAX_REDIRECT_AGE: i64 = 3600;

/// Runs the hourly tasks of each process: rotates and reloads the signing keys, cleans up media, checks the
/// rates.
async fn hourly_maintenance(app: App) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        app.sessions.keep_keys().await.or_log("rotating the signing keys");
        app.media.tidy().await;
        warn_missing_rates(&app).await.or_log("checking for currencies without an exchange rate");
    }
}

/// Assembles the HTTP layer: routing, the OpenAPI document, redirects, rate limits and CORS.
pub fn edge(app: &App, config: &Config) -> Result<Edge, String> {
    let document = &api::DOCUMENT;
    let site = Site::new(document, &api::projection(document), api::yaml(document));
    let mut gate = api::gate(app)?;
    gate.require_if_match = config.require_if_match;
    let limiter = if config.rate_limits { Limiter::memory() } else { Limiter::Off };
    Ok(Edge {
        gate,
        signpost: redirect_lookup(app),
        site,
        budgets: Budgets(limiter),
        cors: Cors(config.cors_origins.clone()),
        proxies: config.proxies.clone(),
        clock: app.clock.clone(),
    })
}

/// Returns the function that looks up the redirect of a path.
fn redirect_lookup(app: &App) -> Signpost {
    let redirects = app.redirects.clone();
    Arc::new(move |path, query, now| {
        let Found { location, permanent, ends_at } = redirects.find(path, query, now)?;
        let remaining = ends_at.map_or(i64::MAX, |end| (end - now) / 1000);
        Some(Elsewhere { location, permanent, keep: remaining.clamp(0, MAX_REDIRECT_AGE) })
    })
}

fn init_log(config: &Config) {
    let log = tracing_subscriber::fmt().with_max_level(config.log);
    let log = log.with_writer(std::io::stderr).with_target(false);
    match config.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(false).init(),
    }
}

/// Waits for SIGTERM or SIGINT.
async fn stop_signal() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
