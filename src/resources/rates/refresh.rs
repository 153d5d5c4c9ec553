//! Asking the source, in the background: one process at a time, less and less often while it fails.
use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::rand;
use tokio::sync::watch;

use super::{
    service::{Jumps, Rates, Taken},
    source::{self, Absurd},
};
use crate::{
    contract::{money::Currency, problem::Error},
    ports::{
        clock::Clock,
        db::Db,
        lease::Lease,
        outgoing::{Outgoing, Refused, Target},
    },
};

/// Longer than any request to the source takes, and what comes after it.
const TURN: Duration = Duration::from_secs(30);

/// After the first failure; each further one doubles it.
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_AT_MOST: Duration = Duration::from_secs(3600);

/// However often somebody asks, no sleep is shorter: whoever has the turn may end it early.
const A_MOMENT: Duration = Duration::from_secs(1);

const ACCEPT: &str = "application/json, application/xml, text/xml";

/// Who is asked, and how often.
#[derive(Clone)]
pub struct Source {
    /// It may hold a key: nobody is shown more than its host.
    pub url: String,
    pub every: Duration,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("every", &self.every).finish_non_exhaustive()
    }
}

/// Why there are no new rates.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    #[error("there is no source of rates: set rates_url")]
    Off,
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("{0} answers with the status {1}")]
    Status(String, u16),
    #[error("{0} answers with {1}, which is neither JSON nor XML")]
    Type(String, String),
    #[error("what {0} says is not to be believed: {1}")]
    Absurd(String, Absurd),
    #[error("{0}")]
    Storage(#[from] Error),
}

/// The one who asks.
#[derive(Clone)]
pub struct Refresh {
    rates: Rates,
    outgoing: Outgoing,
    source: Option<(Source, Lease)>,
    clock: Clock,
    /// In a row.
    failures: Arc<AtomicU32>,
    /// The currencies that jumped when they were told last.
    jumping: Arc<Mutex<BTreeSet<Currency>>>,
}

impl Refresh {
    pub fn new(rates: Rates, db: Db, clock: Clock, outgoing: Outgoing, source: Option<Source>) -> Self {
        let source = source.map(|source| {
            let name = format!("rates from {}", host(&source.url));
            let longest = 2 * source.every.max(AGAIN_AT_MOST).as_millis() as i64;
            let lease = Lease { db, name, longest };
            (source, lease)
        });
        Refresh { rates, outgoing, source, clock, failures: Arc::default(), jumping: Arc::default() }
    }

    /// How often the source has failed since it last told rates; nothing when there is no source.
    pub fn failures(&self) -> Option<u32> {
        self.source.as_ref().map(|_| self.failures.load(Ordering::Relaxed))
    }

    /// Asks whenever it is time, until the service stops.
    pub async fn keep(self, mut stopping: watch::Receiver<bool>) {
        let turns = async {
            while let Some(pause) = self.turn().await {
                tokio::time::sleep(pause).await;
            }
        };
        tokio::select! {
            () = turns => {}
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    }

    /// Asks if it is time and nobody else does, and says how long to wait before the next turn; nothing when
    /// there is no source.
    pub async fn turn(&self) -> Option<Duration> {
        let (source, lease) = self.source.as_ref()?;
        let now = self.clock.now();
        let pause = match lease.take(now, now + TURN.as_millis() as i64).await {
            Ok(Some(end)) => {
                let left = Duration::from_millis(end.saturating_sub(now).max(0) as u64);
                return Some(jittered(left.clamp(A_MOMENT, source.every)));
            }
            Ok(None) => match self.now(Jumps::Refused).await {
                Ok(taken) => {
                    self.succeeded(&source.url, &taken);
                    jittered(source.every)
                }
                Err(error) => jittered(self.failed(&error).min(source.every)),
            },
            Err(error) => jittered(self.failed(&Untold::Storage(error.into()))),
        };
        if let Err(error) = lease.end(self.clock.now() + pause.as_millis() as i64).await {
            tracing::debug!(?error, "the turn at the source of rates ends by itself");
        }
        Some(pause)
    }

    /// Asks now, whoever else does.
    pub async fn now(&self, jumps: Jumps) -> Result<Taken, Untold> {
        let (source, _) = self.source.as_ref().ok_or(Untold::Off)?;
        let host = || host(&source.url);
        let answer = self.outgoing.get(&source.url, ACCEPT).await?;
        if answer.status != 200 {
            return Err(Untold::Status(host(), answer.status));
        }
        let known = |media: &str| {
            matches!(media, "application/json" | "application/xml" | "text/xml")
                || (media.starts_with("application/")
                    && (media.ends_with("+json") || media.ends_with("+xml")))
        };
        if !known(&answer.content_type) {
            let media = answer.content_type.chars().take(60).collect();
            return Err(Untold::Type(host(), media));
        }
        let sheet = source::read(&answer.body, self.clock.now());
        let sheet = sheet.map_err(|absurd| Untold::Absurd(host(), absurd))?;
        Ok(self.rates.take(sheet, host(), jumps).await?)
    }

    fn succeeded(&self, url: &str, taken: &Taken) {
        let source = host(url);
        let failures = self.failures.swap(0, Ordering::Relaxed);
        if failures > 0 {
            tracing::info!(source, failures, "the source tells rates again");
        }
        let jumped: BTreeSet<Currency> = taken.jumped.iter().map(|jump| jump.currency).collect();
        let mut jumping = self.jumping.lock().unwrap_or_else(PoisonError::into_inner);
        if *jumping != jumped && !jumped.is_empty() {
            let jumps: Vec<String> = taken.jumped.iter().map(ToString::to_string).collect();
            tracing::warn!(source, jumps = jumps.join(", "), "rates moved too far and stay as they were");
        }
        *jumping = jumped;
    }

    /// How long to wait now that it failed once more.
    fn failed(&self, error: &Untold) -> Duration {
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        match before {
            0 => tracing::warn!(%error, "no new rates: the last known ones, or the fallback, are used"),
            _ => tracing::debug!(%error, failures = before + 1, "still no new rates"),
        }
        AGAIN.saturating_mul(1 << before.min(10)).min(AGAIN_AT_MOST)
    }
}

/// The name of the source, as long as the document lets it be.
fn host(url: &str) -> String {
    Target::parse(url).map_or_else(|_| "source".to_owned(), |target| target.host.chars().take(100).collect())
}

/// A tenth more or less, so that services that were started together do not ask together.
fn jittered(time: Duration) -> Duration {
    let mut byte = [0; 1];
    // Without a random number they do ask together, and that is all.
    let _ = rand::fill(&mut byte);
    time.mul_f64(0.9 + 0.2 * f64::from(byte[0]) / 255.0)
}
