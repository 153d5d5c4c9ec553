//! The background task that fetches rates: one process at a time, with exponential backoff while the source
//! fails.
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    service::{FetchSummary, MaxChange, Rates},
    source::{self, InvalidRates},
};
use crate::{
    config::BillingConfig,
    domain::{money::Currency, result_ext::with_causes, secret::Secret},
    http::problem::Error,
    infra::{
        clock::Clock,
        db::Db,
        http_client::{ClientError, HttpClient, RequestUrl},
        jitter::jitter,
        lease::{Acquire, Lease},
    },
};

/// The length of a lease: longer than a request to the source and the write of its rates.
const LEASE: Duration = Duration::from_secs(30);

/// The retry delay after the first failure. Each further failure doubles it.
const RETRY_DELAY: Duration = Duration::from_secs(30);
const MAX_RETRY_DELAY: Duration = Duration::from_secs(3600);

/// The shortest delay between two attempts to take the lease. Another process may release it before its end.
const MIN_DELAY: Duration = Duration::from_secs(1);

/// Services that started together do not fetch at the same time.
const JITTER: f64 = 0.1;

const ACCEPT: &str = "application/json, application/xml, text/xml";

/// The source of rates, and the interval between requests.
#[derive(Clone)]
struct RateSource {
    /// The URL may contain an API key: logs, errors and responses show only its host.
    url: Secret<String>,
    interval: Duration,
}

/// An error of fetching rates.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("there is no source of rates: set rates_url")]
    NoSource,
    #[error(transparent)]
    Request(#[from] ClientError),
    #[error("{0} returned the status {1} instead of 200")]
    Status(String, u16),
    #[error("{0} returned {1} instead of JSON or XML")]
    ContentType(String, String),
    #[error("the rates of {0} are invalid: {1}")]
    Invalid(String, InvalidRates),
    #[error("{0}")]
    Storage(#[from] Error),
}

/// Fetches rates from the source and stores them.
#[derive(Clone)]
pub struct RateFetcher {
    rates: Rates,
    pub outgoing: HttpClient,
    source: Option<(RateSource, Lease)>,
    clock: Clock,
    /// The number of consecutive failures.
    failures: Arc<AtomicU32>,
    /// The currencies whose last fetched rate was rejected. They are logged once, not on every fetch.
    rejected: Arc<Mutex<BTreeSet<Currency>>>,
}

impl RateFetcher {
    pub fn new(rates: Rates, db: Db, clock: Clock, outgoing: HttpClient, config: &BillingConfig) -> Self {
        let source = config.rates_url.as_ref().map(|url| {
            let source = RateSource { url: url.url.clone(), interval: config.rates_refresh_interval.0 };
            let name = format!("rates from {}", host(source.url.expose()));
            let longest = 2 * source.interval.max(MAX_RETRY_DELAY).as_millis() as i64;
            let lease = Lease { db, name, max_duration_ms: longest };
            (source, lease)
        });
        RateFetcher { rates, outgoing, source, clock, failures: Arc::default(), rejected: Arc::default() }
    }

    /// Returns the number of failures since the last success; `None` if no source is configured.
    pub fn failures(&self) -> Option<u32> {
        self.source.as_ref().map(|_| self.failures.load(Ordering::Relaxed))
    }

    /// Fetches rates at the configured interval until the service stops.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let cycles = async {
            while let Some(delay) = self.fetch_if_due().await {
                tokio::time::sleep(delay).await;
            }
        };
        tokio::select! {
            () = cycles => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// Fetches rates if no process holds the lease, and returns the delay before the next call; `None` if no
    /// source is configured. The lease ends when the next fetch is due, so that all processes together fetch
    /// once per interval.
    pub async fn fetch_if_due(&self) -> Option<Duration> {
        let (source, lease) = self.source.as_ref()?;
        let now = self.clock.now();
        let delay = match lease.try_acquire(now, now + LEASE.as_millis() as i64).await {
            Ok(Acquire::HeldUntil(end)) => {
                let left = Duration::from_millis(end.saturating_sub(now).max(0) as u64);
                return Some(jitter(left.clamp(MIN_DELAY, source.interval), JITTER));
            }
            Ok(Acquire::Acquired) => match self.fetch_now(MaxChange::Enforced).await {
                Ok(summary) => {
                    self.succeeded(source.url.expose(), &summary);
                    jitter(source.interval, JITTER)
                }
                Err(error) => jitter(self.failed(&error).min(source.interval), JITTER),
            },
            Err(error) => jitter(self.failed(&FetchError::Storage(error.into())), JITTER),
        };
        if let Err(error) = lease.set_end(self.clock.now() + delay.as_millis() as i64).await {
            tracing::debug!(
                error = with_causes(&error),
                "could not shorten the lease of the source of rates: it expires"
            );
        }
        Some(delay)
    }

    /// Fetches rates now, regardless of the lease.
    ///
    /// # Errors
    /// Returns an error if no source is configured, if the request fails, or if the rates are invalid or
    /// cannot be stored.
    pub async fn fetch_now(&self, max_change: MaxChange) -> Result<FetchSummary, FetchError> {
        let (source, _) = self.source.as_ref().ok_or(FetchError::NoSource)?;
        let host = || host(source.url.expose());
        let response = self.outgoing.get(source.url.expose(), ACCEPT).await?;
        if response.status != 200 {
            return Err(FetchError::Status(host(), response.status));
        }
        let is_supported = |media: &str| {
            matches!(media, "application/json" | "application/xml" | "text/xml")
                || (media.starts_with("application/")
                    && (media.ends_with("+json") || media.ends_with("+xml")))
        };
        if !is_supported(&response.content_type) {
            let media = response.content_type.chars().take(60).collect();
            return Err(FetchError::ContentType(host(), media));
        }
        let fetched = source::parse(&response.body, self.clock.now());
        let fetched = fetched.map_err(|error| FetchError::Invalid(host(), error))?;
        Ok(self.rates.store(fetched, host(), max_change).await?)
    }

    fn succeeded(&self, url: &str, summary: &FetchSummary) {
        let source = host(url);
        let failures = self.failures.swap(0, Ordering::Relaxed);
        if failures > 0 {
            tracing::info!(source, failures, "the source of rates is available again");
        }
        let rejected: BTreeSet<Currency> = summary.rejected.iter().map(|rate| rate.currency).collect();
        let mut logged = self.rejected.lock();
        if *logged != rejected && !rejected.is_empty() {
            let rates: Vec<String> = summary.rejected.iter().map(ToString::to_string).collect();
            tracing::warn!(
                source,
                rejected = rates.join(", "),
                "rates changed too much: the previous rates stay in use"
            );
        }
        *logged = rejected;
    }

    /// Counts a failure, and returns the delay before the next attempt.
    fn failed(&self, error: &FetchError) -> Duration {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        match before {
            0 => {
                tracing::warn!(%error, "could not fetch rates: the last known rates or rates_fallback are used")
            }
            _ => tracing::debug!(%error, failures = before + 1, "could not fetch rates again"),
        }
        RETRY_DELAY.saturating_mul(1 << before.min(10)).min(MAX_RETRY_DELAY)
    }
}

/// Returns the host of the source, cut to the 100 characters that the schema allows.
fn host(url: &str) -> String {
    RequestUrl::parse(url)
        .map_or_else(|_| "source".to_owned(), |target| target.host.chars().take(100).collect())
}
