//! Whether the service lives, is ready, and how it is.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use poem_openapi::{Enum, Object, OpenApi, types::Example};
use serde::Serialize;

use crate::{
    api::Tag,
    contract::{
        answer::Told,
        caller::Anyone,
        problem::{Error, Fault, Result},
    },
    ports::{clock::Clock, db::Db},
    resources::rates::Refresh,
};

/// How long the database may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long an answer of the database is good for, in milliseconds.
const GOOD_FOR: i64 = 1000;

#[derive(Clone)]
pub struct Health {
    db: Db,
    clock: Clock,
    refresh: Refresh,
    draining: Arc<AtomicBool>,
    /// When the database was last there.
    seen: Arc<AtomicI64>,
}

impl Health {
    pub fn new(db: Db, clock: Clock, refresh: Refresh) -> Self {
        let seen = Arc::new(AtomicI64::new(i64::MIN));
        Health { db, clock, refresh, draining: Arc::default(), seen }
    }

    /// From now on the service says that it is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    async fn database(&self) -> bool {
        let now = self.clock.now();
        // A clock that was set back tells nothing of how old that is.
        if (0..GOOD_FOR).contains(&now.saturating_sub(self.seen.load(Ordering::SeqCst))) {
            return true;
        }
        let there = tokio::time::timeout(PATIENCE, self.db.ready()).await.is_ok_and(|ready| ready.is_ok());
        if there {
            self.seen.store(now, Ordering::SeqCst);
        }
        there
    }

    /// Whether the source of rates answered when it was asked last; nothing when there is none.
    fn rates(&self) -> Option<Condition> {
        self.refresh
            .failures()
            .map(|failures| if failures == 0 { Condition::Ok } else { Condition::Degraded })
    }

    async fn ready(&self) -> Result<()> {
        if self.draining.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("the service is stopping"));
        }
        match self.database().await {
            true => Ok(()),
            false => Err(Error::Unavailable("the database does not answer")),
        }
    }
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Degraded,
}

/// A sign of life.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", example)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// Always `ok` when there is an answer.
    pub status: Condition,
}

/// How the service and its parts are.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none, example)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The worst of the parts.
    pub status: Condition,
    /// Whether the database answers and has the present schema.
    pub database: Condition,
    /// Whether the source of rates answered when it was asked last; left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rates: Option<Condition>,
}

impl Example for Life {
    fn example() -> Self {
        Life { status: Condition::Ok }
    }
}

impl Example for Summary {
    fn example() -> Self {
        Summary { status: Condition::Ok, database: Condition::Ok, rates: Some(Condition::Ok) }
    }
}

pub struct HealthApi(pub Health);

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// Ask whether the process lives
    ///
    /// Touches nothing else; an orchestrator restarts a process that does not answer.
    #[oai(path = "/livez", method = "get", operation_id = "healthLive")]
    async fn live(&self, _caller: Anyone) -> Result<Told<Life>, Fault<()>> {
        Ok(Told::new(Life { status: Condition::Ok }))
    }

    /// Ask whether the service can take requests
    ///
    /// It can when the database answers, has the present schema, and the service is not stopping; else 503.
    #[oai(path = "/readyz", method = "get", operation_id = "healthReady")]
    async fn readiness(&self, _caller: Anyone) -> Result<Told<Life>, Fault<()>> {
        self.0.ready().await?;
        Ok(Told::new(Life { status: Condition::Ok }))
    }

    /// Read how the service is
    ///
    /// Answers 200 also when a part is not as it should be, and says which.
    #[oai(path = "/api/health", method = "get", operation_id = "healthRead")]
    async fn read(&self, _caller: Anyone) -> Result<Told<Summary>, Fault<()>> {
        let database = if self.0.database().await { Condition::Ok } else { Condition::Degraded };
        let rates = self.0.rates();
        let degraded = [Some(database), rates].contains(&Some(Condition::Degraded));
        let status = if degraded { Condition::Degraded } else { Condition::Ok };
        Ok(Told::new(Summary { status, database, rates }))
    }
}
