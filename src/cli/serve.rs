//! `tenon serve`: starts the server, the workers and the periodic tasks.
use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use futures_util::FutureExt;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    app, demo,
    errors::{database_message, message},
};
use crate::{
    api,
    app::App,
    config::{self, ByteCount, CacheConfig, Config, LogConfig, TelemetryConfig},
    domain::{money::Currency, result_ext::ResultExt},
    http::{
        image_upload::limits_text,
        problem::{self, Error},
    },
    infra::postgres_url,
    resources::redirects::{RedirectMatch, RedirectRequest},
    server::{
        AccessLog, HttpService, LineWriter, LogFormat, MetricsPage, RateLimits, Redirect, RedirectLookup,
        RedirectLookupRequest, RequestMetrics, ResponseCache, StderrWriter, api_docs::ApiDocs,
        limits::Limits, listener, open_files,
    },
    worker::{self, WorkerTimings},
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

/// Returns a command of a shell that creates an admin. It runs in any folder.
fn create_admin(config: &Config) -> String {
    let folder = &config.storage.data_dir;
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
    let settings = match config.storage.database_url {
        Some(_) => " (with the same database_url)",
        None => "",
    };
    format!(
        "printf 'a long passphrase' | tenon user create --role admin --email ada@acme.test --name Ada --password-stdin \
         --data-dir '{}'{settings}",
        folder.display().to_string().replace('\'', "'\\''")
    )
}

impl Serve {
    pub async fn run(self, mut config: Config) -> Result<ExitCode, String> {
        init_log(&config);
        for warning in config::unknown_env_vars() {
            tracing::warn!("{warning}");
        }
        config.check_backup_dir()?;
        raise_open_files();
        if let Some(warning) = postgres_url::unverified_server(&config.database_url()) {
            tracing::warn!("{warning}");
        }
        let limits = Limits::default().scaled(config.server.timeout_scale.0);
        // Event streams stay open for hours, so they may use at most four fifths of the connections.
        let streams = &mut config.events.events_max_connections.0;
        *streams = (*streams).min(limits.connections / 5 * 4);
        let app = app(&config).await?;
        if self.demo && !demo::fill(&app).await.map_err(|error| message(&error))? {
            tracing::warn!(
                "--demo: the database already has, or had, posts or documents, so the demo content was not added. Use an \
                 empty database, such as a new --data-dir"
            );
        }
        let lines = app.audit.open_output().await.map_err(|error| message(&error))?;
        let listener = listener::listen(config.server.listen).map_err(|error| {
            format!("cannot listen on {}: {error}. Set another address with --listen", config.server.listen)
        })?;
        // A start that fails, for example because the port is in use, has no entry.
        app.audit.record_settings(&config).await.map_err(|error| message(&error))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        problem::set_public_url(config.public_url().unwrap_or(&format!("http://{address}")));
        let mut service = build_server(&app, &config)?;
        let log = StderrWriter::start().map_err(|error| format!("cannot start the access log: {error}"))?;
        service.access_log = access_log(&config, Box::new(log.clone()));
        let limits = service.connection_limits(limits);
        let service = Arc::new(service);
        let (stop, stopping) = watch::channel(false);
        let (health, events) = (app.health.clone(), app.events.clone());
        let (grace, drain) = (limits.grace, limits.drain);
        tokio::spawn(async move {
            stop_signal().await;
            tracing::info!(
                "shutting down: /readyz responds 503, connections are accepted for {grace:?}, then running requests have \
                 {drain:?}"
            );
            health.drain();
            events.stop();
            let _ = stop.send(true);
        });
        tokio::spawn(app.db.clone().follow_commits());
        tokio::spawn(exit_on_storage_failure(app.clone(), log.clone()));
        tokio::spawn(hourly_maintenance(app.clone()));
        tokio::spawn(app.daily_writes.clone().run_flush_loop());
        tokio::spawn(app.rate_fetcher.clone().run(stopping.clone()));
        worker::schedule::ensure_scheduled(&app).await.ok_or_log("starting the schedules");
        let timings = WorkerTimings::scaled(config.server.timeout_scale.0);
        let workers = tokio::spawn(worker::run_worker(app.clone(), timings, stopping.clone()));
        let (stopped, stop_audit) = watch::channel(false);
        let stop_redirects = stop_audit.clone();
        let audit = tokio::spawn(worker::audit::run(app.audit.clone(), lines, stop_audit));
        app.redirects.refresh().await.ok_or_log("loading the redirects");
        let redirects = app.redirects.clone();
        let redirects = tokio::spawn(async move { redirects.run_refresh_loop(stop_redirects).await });
        app.geoip.refresh().await;
        tokio::spawn(app.geoip.clone().reload_periodically());
        if app.users.find_key_owner(None).await.is_ok_and(|admin| admin.is_none()) {
            tracing::warn!("there is no admin yet. Create one: {}", create_admin(&config));
        }
        // In the log, because audit_output may use standard output.
        tracing::info!("listening on http://{address}");
        listener::serve(listener, limits, config.proxies(), service, stopping)
            .await
            .map_err(|error| error.to_string())?;
        tracing::info!("all connections are closed");
        let _ = workers.await;
        // After the last request and the last job.
        let _ = stopped.send(true);
        let _ = audit.await;
        let _ = redirects.await;
        app.redirects.flush().await.ok_or_log("storing the hit counts of redirects");
        app.media.flush().await.ok_or_log("storing the last uses of image variants");
        app.daily_writes.flush().await.ok_or_log("storing the bytes that accounts have written");
        if let Some(tracer) = &app.tracer {
            tracer.flush().await;
        }
        app.db.close().await.map_err(|error| database_message(&error))?;
        tracing::info!("stopped");
        log.flush();
        Ok(ExitCode::SUCCESS)
    }
}

/// The exit status after a failed read or write of the database file: `EX_IOERR` of sysexits.h.
const EXIT_STORAGE_FAILURE: i32 = 74;

/// Time for the responses of running requests, and for load balancers to see that the service is not ready.
const EXIT_DELAY: Duration = Duration::from_millis(500);

/// Ends the process when the storage of the database fails, so that a supervisor starts it again: only a new process
/// recovers the database from its log.
async fn exit_on_storage_failure(app: App, log: StderrWriter) {
    let error = app.db.storage_failure().await;
    let error = database_message(&error);
    tracing::error!(error, "the storage of the database failed: the process exits; check the disk");
    app.health.drain();
    tokio::time::sleep(EXIT_DELAY).await;
    log.flush();
    std::process::exit(EXIT_STORAGE_FAILURE);
}

/// Logs a warning for each stored currency without an exchange rate. This happens when rates are removed from
/// the settings after amounts were stored.
async fn warn_missing_rates(app: &App) -> problem::Result<()> {
    let (invoices, revenues) = (app.invoices.currencies().await?, app.revenues.currencies().await?);
    for currency in invoices.into_iter().chain(revenues).collect::<BTreeSet<_>>() {
        match app.rates.exchange_rates(&[currency], Currency::USD).await {
            Err(error @ Error::MissingExchangeRate(_)) => {
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
        app.sessions.rotate_keys().await.ok_or_log("rotating the signing keys");
        app.media.delete_temporary_files().await;
        app.media.flush().await.ok_or_log("storing the last uses of image variants");
        warn_missing_rates(&app).await.ok_or_log("checking for currencies without an exchange rate");
    }
}

/// Assembles the HTTP layer: routing, the API documentation, redirects, rate limits and CORS.
pub fn build_server(app: &App, config: &Config) -> Result<HttpService, String> {
    let mut dispatcher = api::dispatcher(app)?;
    dispatcher.require_if_match = config.server.require_if_match;
    dispatcher.cors.0 = config.server.cors_origins.iter().map(|origin| origin.0.clone()).collect();
    let CacheConfig { cache_bytes: ByteCount(bytes), cache_status } = config.cache;
    dispatcher.cache = ResponseCache::new(bytes, app.db.notifier().versions().clone(), cache_status);
    let metrics = RequestMetrics::new(&dispatcher.operation_ids);
    dispatcher.daily_writes = Some(app.daily_writes.clone());
    Ok(HttpService {
        dispatcher,
        redirects: redirect_lookup(app),
        api_docs: ApiDocs::new(&limits_text(&app.media.limits)),
        rate_limits: RateLimits::new(config.server.rate_limits),
        proxies: config.proxies(),
        access_log: AccessLog::disabled(),
        metrics,
        metrics_page: metrics_page(app, &config.telemetry),
        tracer: app.tracer.clone(),
        clock: app.clock.clone(),
    })
}

/// Returns the page with the metrics of the services.
fn metrics_page(app: &App, config: &TelemetryConfig) -> MetricsPage {
    let app = app.clone();
    MetricsPage {
        access: config.metrics,
        token: config.metrics_token.as_ref().map(|token| token.0.clone()),
        write: Box::new(move |mut out| {
            let app = app.clone();
            async move {
                app.write_metrics(&mut out).await;
                out
            }
            .boxed()
        }),
    }
}

/// Returns the access log that the settings describe.
pub fn access_log(config: &Config, writer: Box<dyn LineWriter>) -> AccessLog {
    let LogConfig { log, log_format, log_client_address, .. } = config.log;
    AccessLog::new(Some(writer), log_format, log, log_client_address)
}

/// Returns the function that looks up the redirect of a path.
fn redirect_lookup(app: &App) -> RedirectLookup {
    let (redirects, geoip) = (app.redirects.clone(), app.geoip.clone());
    Arc::new(move |request: &RedirectLookupRequest<'_>| {
        // The country header of a proxy has precedence over the GeoIP database.
        let country = || request.country.or_else(|| geoip.country(request.address?));
        let found = redirects.find(&RedirectRequest {
            host: request.host,
            is_https: request.is_https,
            path: request.path,
            query: request.query,
            accept_language: request.accept_language,
            country: Some(&country),
            now: request.now,
        });
        let RedirectMatch { location, status, ends_at } = found.redirect?;
        let remaining = ends_at.map_or(i64::MAX, |end| (end - request.now) / 1000);
        Some(Redirect {
            location,
            status: status.code(),
            max_age_seconds: remaining.clamp(0, MAX_REDIRECT_AGE),
            by_language: found.by_language,
            by_country: found.by_country,
        })
    })
}

fn init_log(config: &Config) {
    let log = tracing_subscriber::fmt().with_max_level(config.log.log);
    let log = log.with_writer(std::io::stderr).with_target(false);
    match config.log.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(false).init(),
    }
}

/// Raises the limit of open files, which limits the connections.
fn raise_open_files() {
    let before = open_files::soft_limit();
    match open_files::raise_limit() {
        Ok(()) if open_files::soft_limit() == before => {}
        Ok(()) => tracing::info!(before, now = open_files::soft_limit(), "raised the limit of open files"),
        Err(error) => tracing::warn!(%error, before, "cannot raise the limit of open files"),
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
