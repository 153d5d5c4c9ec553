//! What a connection is doing and since when, and so when it has to end.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{head::Refusal, limits::Limits};

/// Why a connection's time is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A head did not come in time.
    Head,
    /// Nothing was asked.
    Idle,
    /// The peer takes nothing of an answer.
    Stall,
    /// It was told to end, and that was long ago.
    End,
}

/// The times of one connection, shared by its socket, its answers and the task that watches it.
pub struct Pulse {
    state: Mutex<State>,
    head: Duration,
    idle: Duration,
    stall: Duration,
    /// A proxy speaks for many: one of its streams standing still does not end the others.
    trusted: bool,
    /// Places for large answers that are being made or sent.
    pub large: Arc<Semaphore>,
}

struct State {
    head: Option<Instant>,
    idle: Instant,
    exchanges: usize,
    writing: Option<Instant>,
    moved: Instant,
    waiting: Vec<(u64, Instant)>,
    bodies: u64,
    end: Option<Instant>,
    refusal: Option<Refusal>,
    late: bool,
    reset: bool,
    reader: Option<Waker>,
}

impl Pulse {
    pub fn new(limits: &Limits, trusted: bool) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            head: None,
            idle: now,
            exchanges: 0,
            writing: None,
            moved: now,
            waiting: Vec::new(),
            bodies: 0,
            end: None,
            refusal: None,
            late: false,
            reset: false,
            reader: None,
        };
        let large = if trusted { limits.streams as usize } else { limits.large_answers };
        Arc::new(Pulse {
            state: Mutex::new(state),
            head: limits.head,
            idle: limits.idle,
            stall: limits.stall,
            trusted,
            large: Arc::new(Semaphore::new(large)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first bytes of a head are there.
    pub fn head_begins(&self) {
        self.state().head.get_or_insert_with(Instant::now);
    }

    pub fn head_ends(&self) {
        self.state().head = None;
    }

    /// The head's time is up; the socket refuses it.
    pub fn late(&self) {
        self.state().late = true;
    }

    pub fn is_late(&self) -> bool {
        self.state().late
    }

    /// Whether an exchange is under way; if so, its end wakes the task, which may then read the next head.
    pub fn is_busy(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state();
        let busy = state.exchanges > 0;
        state.reader = busy.then(|| cx.waker().clone());
        busy
    }

    /// Leaves what the next exchange is answered with, whatever it seems to ask.
    pub fn refuse(&self, refusal: Refusal) {
        self.state().refusal = Some(refusal);
    }

    pub fn refusal(&self) -> Option<Refusal> {
        self.state().refusal
    }

    /// The connection ends by then.
    pub fn ends_within(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut state = self.state();
        state.end = Some(state.end.map_or(end, |known| known.min(end)));
    }

    pub fn is_ending(&self) -> bool {
        self.state().end.is_some()
    }

    pub fn reset(&self) {
        self.state().reset = true;
    }

    pub fn is_reset(&self) -> bool {
        self.state().reset
    }

    /// The socket took bytes, or did not.
    pub fn wrote(&self, taken: bool) {
        let now = Instant::now();
        let mut state = self.state();
        if taken {
            state.moved = now;
            state.writing = None;
        } else {
            state.writing.get_or_insert(now);
        }
    }

    /// An answer's body, which waits for the peer until it says that it waits for its source, or a piece of
    /// one, which waits until it is taken.
    pub fn body(&self) -> u64 {
        let mut state = self.state();
        state.bodies += 1;
        let id = state.bodies;
        state.waiting.push((id, Instant::now()));
        id
    }

    pub fn body_waits(&self, id: u64, for_peer: bool) {
        let mut state = self.state();
        state.waiting.retain(|(known, _)| *known != id);
        if for_peer {
            state.waiting.push((id, Instant::now()));
        }
    }

    /// When to look again, at the latest.
    pub fn next(&self) -> Instant {
        let busy = Instant::now() + self.stall / 4;
        self.times().into_iter().flatten().map(|(at, _)| at).min().unwrap_or(busy)
    }

    /// What is up by now.
    pub fn due(&self) -> Option<Due> {
        let now = Instant::now();
        self.times().into_iter().flatten().filter(|(at, _)| *at <= now).min().map(|(_, due)| due)
    }

    fn times(&self) -> [Option<(Instant, Due)>; 3] {
        let state = self.state();
        let stands = match self.trusted {
            true => state.waiting.first().map(|(_, since)| (*since).max(state.moved)),
            false => state.waiting.iter().map(|(_, since)| *since).min(),
        };
        let stall =
            stands.into_iter().chain(state.writing).min().map(|since| (since + self.stall, Due::Stall));
        let rest = match (state.exchanges, state.head, state.late) {
            (0, Some(since), false) => Some((since + self.head, Due::Head)),
            (0, None, _) if state.end.is_none() => Some((state.idle + self.idle, Due::Idle)),
            _ => None,
        };
        [state.end.map(|end| (end, Due::End)), stall, rest]
    }
}

/// A request that is being answered, until the last of its answer is taken.
pub struct Exchange(pub Arc<Pulse>);

impl Exchange {
    pub fn begin(pulse: &Arc<Pulse>) -> Self {
        let mut state = pulse.state();
        state.exchanges += 1;
        state.head = None;
        drop(state);
        Exchange(pulse.clone())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.exchanges -= 1;
        state.idle = Instant::now();
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
