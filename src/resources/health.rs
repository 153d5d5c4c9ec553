//! Health checks: liveness, readiness and a report for each component.
use std::{
    io::ErrorKind,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use macros::operations;
use poem_openapi::{Enum, Object, types::Example};
use serde::Serialize;

use super::billing::rates::RateFetcher;
use crate::{
    config::StorageConfig,
    http::{
        auth::HealthProbe,
        operation::Tag,
        problem::{ApiError, Error, Result},
        response::UncachedResponse,
    },
    infra::{clock::Clock, db::Db, disk},
};

/// Timeout of the check of a component.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Time for which a successful database check is cached, in milliseconds.
const CACHE_MILLIS: i64 = 1000;

#[derive(Clone)]
pub struct Health {
    db: Db,
    clock: Clock,
    refresh: RateFetcher,
    data_folder: DataFolder,
    draining: Arc<AtomicBool>,
    /// The time of the last successful database check, in milliseconds since the epoch.
    database_checked_at: Arc<AtomicI64>,
}

/// The folder of the data, and the free space that it needs in bytes.
#[derive(Clone)]
pub struct DataFolder {
    pub path: PathBuf,
    pub min_free_space: u64,
}

impl DataFolder {
    pub fn new(config: &StorageConfig) -> Self {
        DataFolder { path: config.data_dir.clone(), min_free_space: config.min_free_space.0 }
    }

    pub async fn has_free_space(&self) -> bool {
        if self.min_free_space == 0 {
            return true;
        }
        let path = self.path.clone();
        // A file system that does not respond blocks the call.
        let free = tokio::task::spawn_blocking(move || disk::free_bytes(&path));
        match tokio::time::timeout(CHECK_TIMEOUT, free).await {
            Ok(Ok(Ok(free))) => free >= self.min_free_space,
            // The folder does not exist if all data are elsewhere.
            Ok(Ok(Err(error))) => error.kind() == ErrorKind::NotFound,
            _ => false,
        }
    }
}

impl Health {
    pub fn new(db: Db, clock: Clock, refresh: RateFetcher, data_folder: DataFolder) -> Self {
        let database_checked_at = Arc::new(AtomicI64::new(i64::MIN));
        Health { db, clock, refresh, data_folder, draining: Arc::default(), database_checked_at }
    }

    /// Makes the readiness check fail from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    async fn database(&self) -> bool {
        let now = self.clock.now();
        // A negative age means that the clock was set back: the cached result is not used.
        if (0..CACHE_MILLIS).contains(&now.saturating_sub(self.database_checked_at.load(Ordering::SeqCst))) {
            return true;
        }
        let healthy =
            tokio::time::timeout(CHECK_TIMEOUT, self.db.ready()).await.is_ok_and(|ready| ready.is_ok());
        if healthy {
            self.database_checked_at.store(now, Ordering::SeqCst);
        }
        healthy
    }

    /// Returns whether the last fetch of exchange rates succeeded; `None` if no source is configured.
    fn rates(&self) -> Option<HealthStatus> {
        self.refresh
            .failures()
            .map(|failures| if failures == 0 { HealthStatus::Ok } else { HealthStatus::Degraded })
    }

    async fn ready(&self) -> Result<()> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("the server is stopping: retry later"));
        }
        if !self.database().await {
            return Err(Error::Unavailable("the database rejects reads or writes"));
        }
        match self.data_folder.has_free_space().await {
            true => Ok(()),
            false => Err(Error::Unavailable("the free space of data_dir is below min_free_space")),
        }
    }
}

/// The health of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It works normally.
    Ok,
    /// It fails.
    Degraded,
}

/// The result of a liveness or readiness check.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Liveness {
    /// Always `ok` in a 200 response.
    pub status: HealthStatus,
}

/// The health of the service and its components.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct HealthReport {
    /// The worst status of the components.
    pub status: HealthStatus,
    /// Whether the database accepts reads and writes and has the current schema.
    pub database: HealthStatus,
    /// Whether the data folder has the minimum of free space.
    pub storage: HealthStatus,
    /// Whether the last fetch of exchange rates succeeded. Absent if no source is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<HealthStatus>,
}

impl Example for Liveness {
    fn example() -> Self {
        Liveness { status: HealthStatus::Ok }
    }
}

impl Example for HealthReport {
    fn example() -> Self {
        HealthReport {
            status: HealthStatus::Ok,
            database: HealthStatus::Ok,
            storage: HealthStatus::Ok,
            rates: Some(HealthStatus::Ok),
        }
    }
}

pub const TAG: Tag =
    Tag { name: "Health", description: "Health: liveness, readiness and status of the service." };

pub struct HealthApi(pub Health);

/// The collections of a response that never changes.
const CONSTANT: &[&str] = &[];

#[operations(tag = "TAG")]
impl HealthApi {
    /// Check liveness
    ///
    /// Uses no other component. An orchestrator restarts a process that does not respond.
    #[oai(path = "/livez", method = "get", operation_id = "healthGetLiveness")]
    #[operation(cached_by = "CONSTANT")]
    async fn get_liveness(&self, _caller: HealthProbe) -> Result<UncachedResponse<Liveness>, ApiError<()>> {
        Ok(UncachedResponse::new(Liveness { status: HealthStatus::Ok }))
    }

    /// Check readiness
    ///
    /// Returns 200 if the database accepts a write and has the current schema, the data folder has the minimum of
    /// free space, and the service is not stopping; otherwise 503.
    #[oai(path = "/readyz", method = "get", operation_id = "healthGetReadiness")]
    async fn get_readiness(&self, _caller: HealthProbe) -> Result<UncachedResponse<Liveness>, ApiError<()>> {
        self.0.ready().await?;
        Ok(UncachedResponse::new(Liveness { status: HealthStatus::Ok }))
    }

    /// Get a health report
    ///
    /// Returns 200 even if a component is degraded, and names that component.
    #[oai(path = "/api/health", method = "get", operation_id = "healthGet")]
    async fn get(&self, _caller: HealthProbe) -> Result<UncachedResponse<HealthReport>, ApiError<()>> {
        let health = |is_ok| if is_ok { HealthStatus::Ok } else { HealthStatus::Degraded };
        let database = health(self.0.database().await);
        let storage = health(self.0.data_folder.has_free_space().await);
        let rates = self.0.rates();
        let status = health(![Some(database), Some(storage), rates].contains(&Some(HealthStatus::Degraded)));
        Ok(UncachedResponse::new(HealthReport { status, database, storage, rates }))
    }
}
