//! Failed authentications. They have no transaction of their own, and clients cause them without a credential, so their
//! entries are bounded.
//!
//! The first failure of a class, an account and a client within a minute is written at once. Its repetitions are
//! counted, and written as one entry after the minute. At most [`MAX_KEYS`] different failures are written in a minute;
//! the others are counted together.
use std::{collections::HashMap, mem, sync::Arc};

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use uuid::Uuid;

use super::{NewEntry, Origin};
use crate::{
    domain::{
        audit::{AuditAction, AuthFailure},
        result_ext::ResultExt,
    },
    infra::{clock::Clock, db::Db, metrics::Counter},
};

/// Different failures that are recorded separately within a minute. It bounds the entries to 129 per minute and process,
/// which is about 30 MB per day.
const MAX_KEYS: usize = 64;

/// The part of [`MAX_KEYS`] for failures without a known account. The others are reserved for those of accounts: anyone can
/// invent e-mail addresses and tokens, and must not displace the attempts on an account.
const MAX_UNKNOWN: usize = 32;

/// Different failures of a client address that are recorded separately within a minute, with and without an account each.
const MAX_PER_ADDRESS: usize = 8;

/// The time in milliseconds in which repetitions are counted.
const WINDOW: i64 = 60_000;

/// Records failed authentications.
#[derive(Clone)]
pub struct AuthFailures {
    pub db: Db,
    pub clock: Clock,
    window: Arc<Mutex<Window>>,
    /// The number of failures of each class since the start.
    counts: Arc<[Counter; AuthFailure::ALL.len()]>,
}

/// The failures of the current minute.
#[derive(Default)]
struct Window {
    started_at: i64,
    counted: HashMap<Key, Failures>,
    /// Failures beyond the limits.
    others: i32,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    class: AuthFailure,
    /// The hash of what the client claims to be: the e-mail address of a sign-in, also if it has no account. An attempt then
    /// costs the same whether or not the account exists.
    identity: [u8; 32],
    address: Option<String>,
    /// The session or the API key of the caller, if it is authenticated.
    credential: Option<Uuid>,
}

/// Equal failures.
#[derive(Clone)]
struct Failures {
    account: Option<Uuid>,
    origin: Origin,
    count: i32,
}

/// Failures that are written as one entry. Without a key, they are those beyond the limits.
type Due = (Option<Key>, Failures);

impl AuthFailures {
    pub fn new(db: Db, clock: Clock) -> Self {
        let counts = Arc::new(std::array::from_fn(|_| Counter::new()));
        AuthFailures { db, clock, window: Arc::default(), counts }
    }

    /// Records a failure of the current request. `account` is the account if it is known, and `identity` what the client
    /// claims to be; it is not stored.
    pub async fn record(&self, class: AuthFailure, account: Option<Uuid>, identity: &str) {
        self.counts[class as usize].increment();
        let (origin, now) = (Origin::current(), self.clock.now());
        let due = self.window.lock().add(class, account, identity, origin, now);
        self.write(due, now).await;
    }

    /// Returns the number of failures of each class since the start.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        AuthFailure::ALL.iter().zip(self.counts.iter()).map(|(class, count)| (class.as_str(), count.get()))
    }

    /// Writes the repetitions that were counted in a minute that has ended; with `all`, also those of the current minute.
    pub async fn flush(&self, all: bool) {
        let now = self.clock.now();
        let due = {
            let mut window = self.window.lock();
            if all || window.has_ended(now) { window.drain(now) } else { Vec::new() }
        };
        self.write(due, now).await;
    }

    async fn write(&self, due: Vec<Due>, now: i64) {
        if due.is_empty() {
            return;
        }
        let entries = due.iter().map(|failures| entry(failures, now)).collect();
        if self.db.record(entries).await.ok_or_log("recording failed authentications").is_none() {
            self.window.lock().restore(due);
        }
    }
}

impl Window {
    /// Counts a failure and returns the failures to write now.
    fn add(
        &mut self,
        class: AuthFailure,
        account: Option<Uuid>,
        identity: &str,
        origin: Origin,
        now: i64,
    ) -> Vec<Due> {
        let mut due = if self.has_ended(now) { self.drain(now) } else { Vec::new() };
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, identity.as_bytes()).as_ref());
        let (address, credential) = (origin.address().map(str::to_owned), origin.actor().credential);
        let key = Key { class, identity: hash, address, credential };
        if let Some(known) = self.counted.get_mut(&key) {
            known.count = known.count.saturating_add(1);
        } else if self.has_slot(&key, account) {
            let repetitions = Failures { account, origin: origin.without_request(), count: 0 };
            self.counted.insert(key.clone(), repetitions);
            due.push((Some(key), Failures { account, origin, count: 1 }));
        } else {
            self.others = self.others.saturating_add(1);
        }
        due
    }

    /// Returns whether another failure can be recorded separately.
    fn has_slot(&self, key: &Key, account: Option<Uuid>) -> bool {
        let (mut unknown, mut of_address) = (0, 0);
        for (other, failures) in &self.counted {
            unknown += usize::from(failures.account.is_none());
            of_address +=
                usize::from(other.address == key.address && failures.account.is_some() == account.is_some());
        }
        self.counted.len() < MAX_KEYS
            && (account.is_some() || unknown < MAX_UNKNOWN)
            // Without stored addresses, all clients have the same one.
            && (key.address.is_none() || of_address < MAX_PER_ADDRESS)
    }

    /// Returns whether the minute has ended, also if the clock was set back.
    fn has_ended(&self, now: i64) -> bool {
        !(self.started_at..self.started_at + WINDOW).contains(&now)
    }

    /// Begins a new minute, and returns the counted failures.
    fn drain(&mut self, now: i64) -> Vec<Due> {
        self.started_at = now;
        let counted = mem::take(&mut self.counted).into_iter().filter(|(_, one)| one.count > 0);
        let mut due: Vec<Due> = counted.map(|(key, one)| (Some(key), one)).collect();
        let others = mem::take(&mut self.others);
        if others > 0 {
            due.push((None, Failures { account: None, origin: Origin::anonymous(), count: others }));
        }
        due
    }

    /// Counts failures again that could not be written.
    fn restore(&mut self, due: Vec<Due>) {
        for (key, Failures { account, origin, count }) in due {
            let counted = match key {
                Some(key) if self.counted.contains_key(&key) || self.has_slot(&key, account) => {
                    let none = || Failures { account, origin: origin.without_request(), count: 0 };
                    &mut self.counted.entry(key).or_insert_with(none).count
                }
                _ => &mut self.others,
            };
            *counted = counted.saturating_add(count);
        }
    }
}

fn entry((key, Failures { account, origin, count }): &Due, now: i64) -> NewEntry {
    let id = account.map_or_else(String::new, |account| account.to_string());
    let class = key.as_ref().map_or(AuthFailure::Other, |key| key.class);
    let new = NewEntry::new(AuditAction::AuthFailed, id, now);
    NewEntry { origin: origin.clone(), reason: Some(class), count: *count, ..new }
}

#[cfg(test)]
#[path = "failures_tests.rs"]
mod tests;
