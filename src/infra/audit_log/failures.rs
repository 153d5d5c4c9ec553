//! Failed authentications. They have no transaction of their own, and clients cause them without a credential, so their
//! entries are bounded.
//!
//! The first failure of a class, an account and a client within a minute is written at once. Its repetitions are counted, and
//! written as one entry after the minute. At most [`MAX_KEYS`] different failures are written in a minute; the others
//! are counted together.
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
    infra::{clock::Clock, db::Db},
};

/// Different failures that are recorded separately within a minute. It bounds the entries to 129 per minute and process,
/// which is about 30 MB per day.
const MAX_KEYS: usize = 64;

/// The time in milliseconds in which repetitions are counted.
const WINDOW: i64 = 60_000;

/// Records failed authentications.
#[derive(Clone)]
pub struct AuthFailures {
    pub db: Db,
    pub clock: Clock,
    window: Arc<Mutex<Window>>,
}

/// The failures of the current minute.
#[derive(Default)]
struct Window {
    started_at: i64,
    counted: HashMap<Key, Repetitions>,
    /// Failures beyond [`MAX_KEYS`].
    others: i32,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    class: AuthFailure,
    /// The hash of what the client claims to be: the e-mail address of a sign-in, also if it has no account. An attempt then
    /// costs the same whether or not the account exists.
    identity: [u8; 32],
    address: Option<String>,
}

struct Repetitions {
    account: Option<Uuid>,
    origin: Origin,
    count: i32,
}

impl AuthFailures {
    pub fn new(db: Db, clock: Clock) -> Self {
        AuthFailures { db, clock, window: Arc::default() }
    }

    /// Records a failure of the current request. `account` is the account if it is known, and `identity` what the client
    /// claims to be; it is not stored.
    pub async fn record(&self, class: AuthFailure, account: Option<Uuid>, identity: &str) {
        let origin = Origin::current();
        let entries = self.window.lock().add(class, account, identity, origin, self.clock.now());
        self.write(entries).await;
    }

    /// Writes the repetitions that were counted in a minute that has ended; with `all`, also those of the current minute.
    pub async fn flush(&self, all: bool) {
        let now = self.clock.now();
        let entries = {
            let mut window = self.window.lock();
            if all || window.has_ended(now) { window.drain(now) } else { Vec::new() }
        };
        self.write(entries).await;
    }

    async fn write(&self, entries: Vec<NewEntry>) {
        if entries.is_empty() {
            return;
        }
        self.db.record(entries).await.ok_or_log("recording failed authentications");
    }
}

impl Window {
    /// Counts a failure and returns the entries to write now.
    fn add(
        &mut self,
        class: AuthFailure,
        account: Option<Uuid>,
        identity: &str,
        origin: Origin,
        now: i64,
    ) -> Vec<NewEntry> {
        let mut entries = if self.has_ended(now) { self.drain(now) } else { Vec::new() };
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, identity.as_bytes()).as_ref());
        let key = Key { class, identity: hash, address: origin.address().map(str::to_owned) };
        if let Some(known) = self.counted.get_mut(&key) {
            known.count = known.count.saturating_add(1);
        } else if self.counted.len() < MAX_KEYS {
            let repetitions = Repetitions { account, origin: origin.without_request(), count: 0 };
            self.counted.insert(key, repetitions);
            entries.push(entry(class, account, origin, 1, now));
        } else {
            self.others = self.others.saturating_add(1);
        }
        entries
    }

    /// Returns whether the minute has ended, also if the clock was set back.
    fn has_ended(&self, now: i64) -> bool {
        !(self.started_at..self.started_at + WINDOW).contains(&now)
    }

    /// Begins a new minute, and returns the entries of the counted failures.
    fn drain(&mut self, now: i64) -> Vec<NewEntry> {
        self.started_at = now;
        let counted = mem::take(&mut self.counted).into_iter().filter(|(_, one)| one.count > 0);
        let mut entries: Vec<NewEntry> =
            counted.map(|(key, one)| entry(key.class, one.account, one.origin, one.count, now)).collect();
        let others = mem::take(&mut self.others);
        if others > 0 {
            let origin = Origin::request(None, "").without_request();
            entries.push(entry(AuthFailure::Other, None, origin, others, now));
        }
        entries
    }
}

fn entry(class: AuthFailure, account: Option<Uuid>, origin: Origin, count: i32, now: i64) -> NewEntry {
    let id = account.map_or_else(String::new, |account| account.to_string());
    NewEntry { origin, reason: Some(class), count, ..NewEntry::new(AuditAction::AuthFailed, id, now) }
}
