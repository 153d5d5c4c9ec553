//! Permits for expensive work, limited in total and per client. A client at its limit waits for its own work, so that it does
//! not delay others. Waiting work starts in the order of arrival.
use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::domain::client_key::ClientKey;

/// Maximum numbers of units of work, in total and per client. Work without a client, such as a job, counts only in total.
#[derive(Debug, Clone, Copy)]
pub struct PermitLimits {
    pub running: usize,
    pub running_per_client: usize,
    /// Running and waiting.
    pub accepted: usize,
    pub accepted_per_client: usize,
}

/// The reason why work is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// The client has reached its limit.
    Client,
    /// All clients together use all permits.
    Total,
}

/// The reason why work does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStarted {
    Rejected(Rejected),
    /// No permit was released in time.
    Timeout,
    /// The permits are closed.
    Closed,
}

/// The permits of one kind of work. Clones share them.
#[derive(Clone)]
pub struct ClientPermits(Arc<Inner>);

struct Inner {
    limits: PermitLimits,
    running: Arc<Semaphore>,
    accepted: Mutex<Accepted>,
}

#[derive(Default)]
struct Accepted {
    total: usize,
    clients: HashMap<ClientKey, ClientWork>,
}

/// The accepted work of a client, and the permits for running it.
struct ClientWork {
    accepted: usize,
    running: Arc<Semaphore>,
}

impl ClientPermits {
    pub fn new(limits: PermitLimits) -> Self {
        let running = Arc::new(Semaphore::new(limits.running));
        ClientPermits(Arc::new(Inner { limits, running, accepted: Mutex::default() }))
    }

    /// Accepts work of a client, which then waits for a permit.
    pub fn accept(&self, client: Option<ClientKey>) -> Result<AcceptedWork, Rejected> {
        let Inner { limits, accepted, .. } = &*self.0;
        let mut accepted = accepted.lock();
        if accepted.total >= limits.accepted {
            return Err(Rejected::Total);
        }
        let running = match client {
            None => None,
            Some(client) => {
                let running = || Arc::new(Semaphore::new(limits.running_per_client));
                let new = || ClientWork { accepted: 0, running: running() };
                let work = accepted.clients.entry(client).or_insert_with(new);
                if work.accepted >= limits.accepted_per_client {
                    return Err(Rejected::Client);
                }
                work.accepted += 1;
                Some(work.running.clone())
            }
        };
        accepted.total += 1;
        drop(accepted);
        Ok(AcceptedWork { slot: Slot { permits: self.clone(), client }, running })
    }

    /// Accepts work of a client and waits for a permit, at most for `limit`.
    pub async fn acquire(
        &self,
        client: Option<ClientKey>,
        limit: Duration,
    ) -> Result<ClientPermit, NotStarted> {
        let work = self.accept(client).map_err(NotStarted::Rejected)?;
        let permit = timeout(limit, work.start()).await.map_err(|_| NotStarted::Timeout)?;
        permit.ok_or(NotStarted::Closed)
    }

    /// Returns the number of units of work that run, and of those that wait.
    pub fn load(&self) -> (usize, usize) {
        let running = self.0.limits.running - self.0.running.available_permits();
        (running, self.0.accepted.lock().total.saturating_sub(running))
    }

    /// Waits until no work is running, and rejects all later work.
    pub async fn close(&self) {
        let permits = self.0.running.acquire_many(self.0.limits.running as u32).await;
        self.0.running.close();
        drop(permits);
    }

    pub fn is_closed(&self) -> bool {
        self.0.running.is_closed()
    }
}

/// Work that waits for a permit.
pub struct AcceptedWork {
    slot: Slot,
    running: Option<Arc<Semaphore>>,
}

impl AcceptedWork {
    /// Waits for a permit. Returns `None` if the permits are closed.
    pub async fn start(self) -> Option<ClientPermit> {
        Some(ClientPermit { _running: self.step().await?, _slot: self.slot })
    }

    /// Waits for a permit for one step of the work, which stays accepted until it is dropped. Returns `None` if the
    /// permits are closed.
    pub async fn step(&self) -> Option<RunningPermit> {
        // First the permit of the client, so that at most its limit waits together with other clients.
        let of_client = match &self.running {
            None => None,
            Some(running) => Some(running.clone().acquire_owned().await.ok()?),
        };
        let of_all = self.slot.permits.0.running.clone().acquire_owned().await.ok()?;
        Some(RunningPermit { _of_all: of_all, _of_client: of_client })
    }
}

/// A permit for running work, and the accepted work. Dropping it releases both.
pub struct ClientPermit {
    _running: RunningPermit,
    _slot: Slot,
}

/// A permit for running work. Dropping it releases the permit.
pub struct RunningPermit {
    _of_all: OwnedSemaphorePermit,
    _of_client: Option<OwnedSemaphorePermit>,
}

/// The place of accepted work in the counts.
struct Slot {
    permits: ClientPermits,
    client: Option<ClientKey>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut accepted = self.permits.0.accepted.lock();
        accepted.total -= 1;
        let Some(client) = self.client else { return };
        if let Some(work) = accepted.clients.get_mut(&client) {
            work.accepted -= 1;
            if work.accepted == 0 {
                accepted.clients.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;

    const LIMITS: PermitLimits =
        PermitLimits { running: 3, running_per_client: 2, accepted: 5, accepted_per_client: 3 };

    fn client(number: u128) -> Option<ClientKey> {
        Some(ClientKey::Account(Uuid::from_u128(number)))
    }

    #[test]
    fn a_client_gets_its_share_only() {
        let permits = ClientPermits::new(LIMITS);
        let accept = |client| permits.accept(client).unwrap_or_else(|error| panic!("{error:?}"));
        let start = |client| accept(client).start().now_or_never().flatten();
        let running = [start(client(1)), start(client(1))];
        assert!(running.iter().all(Option::is_some));
        let mut third = Box::pin(accept(client(1)).start());
        assert!(third.as_mut().now_or_never().is_none(), "waits for other work of its client");
        assert_eq!(permits.accept(client(1)).err(), Some(Rejected::Client));
        let other = start(client(2));
        assert!(other.is_some(), "another client does not wait");
        drop(running);
        assert!(third.now_or_never().flatten().is_some());
    }

    #[test]
    fn limits_all_clients_together_and_releases_on_drop() {
        let permits = ClientPermits::new(LIMITS);
        let accepted: Vec<_> = (0..5).map(|number| permits.accept(client(number))).collect();
        assert!(accepted.iter().all(Result::is_ok));
        assert_eq!(permits.accept(None).err(), Some(Rejected::Total));
        drop(accepted);
        assert!(permits.0.accepted.lock().clients.is_empty());
        let jobs: Vec<_> = (0..5).map(|_| permits.accept(None)).collect();
        assert!(jobs.iter().all(Result::is_ok), "work without a client has no share");
    }

    #[test]
    fn reports_the_load_and_rejects_work_after_the_close() {
        let permits = ClientPermits::new(LIMITS);
        assert_eq!(permits.load(), (0, 0));
        let accept = |number| permits.accept(client(number)).unwrap_or_else(|error| panic!("{error:?}"));
        let running: Vec<_> = (0..3).map(|number| accept(number).start().now_or_never().flatten()).collect();
        let waiting = accept(4);
        assert_eq!(permits.load(), (3, 1));
        let mut close = Box::pin(permits.close());
        assert!(close.as_mut().now_or_never().is_none(), "waits for the running work");
        assert!(!permits.is_closed());
        drop(running);
        assert_eq!(close.now_or_never(), Some(()));
        assert!(permits.is_closed() && waiting.start().now_or_never().expect("does not wait").is_none());
        assert_eq!(permits.load().1, 0);
    }
}
