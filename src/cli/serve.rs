//! `tenon serve`: the service itself.
use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    app, demo, say,
    told::{plain, told},
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
    /// Address and port; port 0 picks a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// The field in which trusted proxies say who is behind them: x-forwarded-for or forwarded
    /// [default: x-forwarded-for]
    #[arg(long, value_name = "FIELD")]
    pub forwarded_header: Option<String>,
    /// Fill an empty database with a small made-up site
    #[arg(long)]
    pub demo: bool,
}

impl Serve {
    pub async fn run(self, mut config: Config) -> Result<ExitCode, String> {
        log(&config);
        let limits = Limits::default().scaled(config.timeout_scale);
        // Streams last for hours, and must not take all connections.
        config.event_limits.all = config.event_limits.all.min(limits.connections / 5 * 4);
        let app = app(&config).await?;
        if self.demo && !demo::fill(&app).await.map_err(|error| told(&error))? {
            say("there is content already: the made-up site is left out\n");
        }
        let listener = server::listen(config.listen).map_err(|error| {
            format!("cannot listen on {}: {error}. Choose another address with --listen", config.listen)
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
            stopped().await;
            health.drain();
            events.stop();
            let _ = stop.send(true);
        });
        tokio::spawn(tend(app.clone()));
        tokio::spawn(app.refresh.clone().keep(stopping.clone()));
        jobs::schedule::begin(&app).await.or_log("beginning the schedules");
        let pace = Pace::scaled(config.timeout_scale);
        let workers = tokio::spawn(jobs::work(app.clone(), pace, stopping.clone()));
        app.redirects.refresh().await.or_log("reading the redirects");
        let redirects = app.redirects.clone();
        tokio::spawn(async move { redirects.tend().await });
        app.countries.refresh().await;
        tokio::spawn(app.countries.clone().keep());
        if app.users.owner_of_keys(None).await.is_ok_and(|admin| admin.is_none()) {
            say(
                "there is no admin yet: tenon user create --role admin --password-stdin --email E --name N\n",
            );
        }
        say(&format!("listening on http://{address}\n"));
        server::serve(listener, limits, config.proxies.clone(), edge, stopping)
            .await
            .map_err(|error| error.to_string())?;
        let _ = workers.await;
        app.redirects.flush().await.or_log("keeping the counts of redirects");
        app.db.close().await.map_err(|error| plain(&error))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Warns of amounts that cannot be shown in other currencies: settings may have changed since they were written.
async fn unrated(app: &App) -> problem::Result<()> {
    let (invoices, revenues) = (app.invoices.currencies().await?, app.revenues.currencies().await?);
    for currency in invoices.into_iter().chain(revenues).collect::<BTreeSet<_>>() {
        match app.rates.exchanges(&[currency], Currency::USD).await {
            Err(error @ Error::Unrated(_)) => tracing::warn!(%error, "invoices and revenues cannot be shown"),
            known => drop(known?),
        }
    }
    Ok(())
}

/// For how many seconds caches keep a permanent redirect, so that a mistake can be taken back.
const KEPT: i64 = 3600;

/// What each process has to do every hour.
async fn tend(app: App) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        app.sessions.keep_keys().await.or_log("keeping the signing keys");
        app.media.tidy().await;
        unrated(&app).await.or_log("looking for currencies without a rate");
    }
}

/// Everything between the network and the services.
pub fn edge(app: &App, config: &Config) -> Result<Edge, String> {
    let document = &api::DOCUMENT;
    let site = Site::new(document, &api::projection(document), api::yaml(document));
    let mut gate = api::gate(app)?;
    gate.require_if_match = config.require_if_match;
    let limiter = if config.rate_limits { Limiter::memory() } else { Limiter::Off };
    Ok(Edge {
        gate,
        signpost: signpost(app),
        site,
        budgets: Budgets(limiter),
        cors: Cors(config.cors_origins.clone()),
        proxies: config.proxies.clone(),
        clock: app.clock.clone(),
    })
}

/// Where paths lead, as the edge asks for it.
fn signpost(app: &App) -> Signpost {
    let redirects = app.redirects.clone();
    Arc::new(move |path, query, now| {
        let Found { location, permanent, ends_at } = redirects.find(path, query, now)?;
        let left = ends_at.map_or(i64::MAX, |end| (end - now) / 1000);
        Some(Elsewhere { location, permanent, keep: left.clamp(0, KEPT) })
    })
}

fn log(config: &Config) {
    let log = tracing_subscriber::fmt().with_max_level(config.log);
    let log = log.with_writer(std::io::stderr).with_target(false);
    match config.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(false).init(),
    }
}

async fn stopped() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
