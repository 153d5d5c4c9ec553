//! Timeouts of a connection.
//!
//! hyper has a timer for request heads only. These timers also close idle connections, reset connections whose
//! client does not read its responses, and bound graceful shutdown.
use std::{
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;

use super::{limits::Limits, request_head::Rejection};

/// The timeout that has expired. The order of the variants decides between timers that expire at the same
/// instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expired {
    /// The request head is incomplete.
    Head,
    /// No request on a persistent connection.
    Idle,
    /// The connection was idle, and a new one needs its place.
    Evicted,
    /// The client does not read a response.
    Stall,
    /// The connection did not end within its shutdown deadline.
    Shutdown,
}

/// The timers of one connection, shared by its socket, its response bodies and the task that drives it.
pub struct ConnectionTimers {
    state: Mutex<State>,
    head_timeout: Duration,
    idle_timeout: Duration,
    stall_timeout: Duration,
    /// The peer is a trusted proxy, whose connection carries the responses of many clients. One stalled
    /// stream must not reset the others while any bytes are sent.
    trusted: bool,
    /// Permits for large responses, each held while its response is created and sent.
    pub large: Arc<Semaphore>,
}

struct State {
    /// The start of the current request head, while it is incomplete.
    head: Option<Instant>,
    /// The end of the last request, or the start of the connection.
    idle: Instant,
    requests: usize,
    /// Since when the send buffer has been full.
    writing: Option<Instant>,
    last_write: Instant,
    /// The bodies and chunks that wait for the client: their ids, and the start of the wait.
    waiting: Vec<(u64, Instant)>,
    /// The last id of a body or chunk.
    bodies: u64,
    shutdown: Option<Instant>,
    rejection: Option<Rejection>,
    head_late: bool,
    reset: bool,
    /// Closes the connection unless a request arrives first.
    evicted: bool,
    /// The task that drives the connection.
    driver: Option<Waker>,
    /// The task that reads the next head when the current request has completed.
    reader: Option<Waker>,
}

impl ConnectionTimers {
    pub fn new(limits: &Limits, trusted: bool) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            head: None,
            idle: now,
            requests: 0,
            writing: None,
            last_write: now,
            waiting: Vec::new(),
            bodies: 0,
            shutdown: None,
            rejection: None,
            head_late: false,
            reset: false,
            evicted: false,
            driver: None,
            reader: None,
        };
        let large = if trusted { limits.max_streams as usize } else { limits.large_responses };
        Arc::new(ConnectionTimers {
            state: Mutex::new(state),
            head_timeout: limits.head_timeout,
            idle_timeout: limits.idle_timeout,
            stall_timeout: limits.stall_timeout,
            trusted,
            large: Arc::new(Semaphore::new(large)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Starts the head timer, unless it is running.
    pub fn start_head(&self) {
        self.state().head.get_or_insert_with(Instant::now);
    }

    pub fn stop_head(&self) {
        self.state().head = None;
    }

    /// Marks the head as timed out. The socket then rejects it.
    pub fn mark_head_late(&self) {
        self.state().head_late = true;
    }

    pub fn is_head_late(&self) -> bool {
        self.state().head_late
    }

    /// Returns whether a request is in progress. If so, its completion wakes the task of `reader`, which then
    /// reads the next head.
    pub fn is_busy(&self, reader: Option<&Context<'_>>) -> bool {
        let mut state = self.state();
        let busy = state.requests > 0;
        state.reader = reader.filter(|_| busy).map(|cx| cx.waker().clone());
        busy
    }

    /// Sets the rejection of the current head. The socket passes a placeholder request to hyper instead, and
    /// the response to the placeholder is the rejection.
    pub fn set_rejection(&self, rejection: Rejection) {
        self.state().rejection = Some(rejection);
    }

    pub fn rejection(&self) -> Option<Rejection> {
        self.state().rejection.clone()
    }

    /// Sets the shutdown deadline, unless an earlier one is set.
    pub fn shut_down_within(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.state();
        state.shutdown = Some(state.shutdown.map_or(deadline, |known| known.min(deadline)));
    }

    pub fn is_shutting_down(&self) -> bool {
        self.state().shutdown.is_some()
    }

    pub fn mark_reset(&self) {
        self.state().reset = true;
    }

    pub fn is_reset(&self) -> bool {
        self.state().reset
    }

    /// Sets the task that drives the connection, which [`evict`](Self::evict) wakes.
    pub fn set_driver(&self, context: &Context<'_>) {
        self.state().driver = Some(context.waker().clone());
    }

    /// Returns the end of the last request if the connection is idle: no request is in progress, and no byte of the next
    /// one has been read.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_open = state.shutdown.is_none() && !state.evicted;
        (is_open && state.requests == 0 && state.head.is_none()).then_some(state.idle)
    }

    /// Closes the connection if it is idle, unless a request arrives first.
    pub fn evict(&self) {
        let mut state = self.state();
        // A request may have arrived since the connection was chosen.
        if state.requests > 0 || state.head.is_some() {
            return;
        }
        state.evicted = true;
        let driver = state.driver.clone();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Records whether the socket accepted bytes or its send buffer is full.
    pub fn record_write(&self, accepted: bool) {
        let mut state = self.state();
        match accepted {
            // Only proxies need the time of the last write.
            true if self.trusted => (state.last_write, state.writing) = (Instant::now(), None),
            true => state.writing = None,
            false => _ = state.writing.get_or_insert_with(Instant::now),
        }
    }

    /// Registers a response body or a chunk, and returns its id. It counts as waiting for the client until it
    /// reports otherwise.
    pub fn register_body(&self) -> u64 {
        let mut state = self.state();
        state.bodies += 1;
        let id = state.bodies;
        state.waiting.push((id, Instant::now()));
        id
    }

    /// Records whether a body or chunk waits for the client (stall timer runs) or for its source (it does
    /// not).
    pub fn set_waiting(&self, id: u64, for_client: bool) {
        let mut state = self.state();
        state.waiting.retain(|(known, _)| *known != id);
        if for_client {
            state.waiting.push((id, Instant::now()));
        }
    }

    /// Returns when the next timer can expire. If no timer is running, returns a quarter of the stall timeout
    /// from now, because a response can begin to stall at any time.
    pub fn next_deadline(&self) -> Instant {
        let next = self.deadlines().into_iter().flatten().map(|(at, _)| at).min();
        next.unwrap_or_else(|| Instant::now() + self.stall_timeout / 4)
    }

    /// Returns the expired timeout, if any.
    pub fn expired(&self) -> Option<Expired> {
        let now = Instant::now();
        self.deadlines().into_iter().flatten().filter(|(at, _)| *at <= now).min().map(|(_, due)| due)
    }

    fn deadlines(&self) -> [Option<(Instant, Expired)>; 3] {
        let state = self.state();
        // For a direct client, the stall timer starts with the oldest waiting body. For a proxy, every write
        // on the connection restarts it.
        let stalled_since = match self.trusted {
            true => state.waiting.first().map(|(_, since)| (*since).max(state.last_write)),
            false => state.waiting.iter().map(|(_, since)| *since).min(),
        };
        let stall = stalled_since
            .into_iter()
            .chain(state.writing)
            .min()
            .map(|since| (since + self.stall_timeout, Expired::Stall));
        let request_timer = match (state.requests, state.head, state.head_late) {
            (0, Some(since), false) => Some((since + self.head_timeout, Expired::Head)),
            (0, None, _) if state.evicted => Some((state.idle, Expired::Evicted)),
            (0, None, _) if state.shutdown.is_none() => Some((state.idle + self.idle_timeout, Expired::Idle)),
            _ => None,
        };
        [state.shutdown.map(|at| (at, Expired::Shutdown)), stall, request_timer]
    }
}

/// A request in progress, until the last byte of its response is sent.
pub struct Exchange(pub Arc<ConnectionTimers>);

impl Exchange {
    pub fn start(timers: &Arc<ConnectionTimers>) -> Self {
        let mut state = timers.state();
        state.requests += 1;
        state.head = None;
        state.evicted = false;
        drop(state);
        Exchange(timers.clone())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.idle = Instant::now();
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
