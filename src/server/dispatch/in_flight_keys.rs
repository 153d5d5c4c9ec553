//! Idempotency keys whose requests are running in this process.
//!
//! The stored response of a key exists only after the commit. Until then a second request with the key would
//! run the operation too, so it is rejected with 409.
use std::collections::HashSet;

use parking_lot::Mutex;

use crate::http::problem::{Error, Problem};

pub type InFlightKeys = Mutex<HashSet<String>>;

/// A guard for a key whose request is running.
pub struct InFlightKey<'a> {
    keys: &'a InFlightKeys,
    scope: String,
}

impl<'a> InFlightKey<'a> {
    /// Registers a key.
    ///
    /// # Errors
    ///
    /// 409 if a request with the same key is running.
    pub fn register(keys: &'a InFlightKeys, scope: &str) -> Result<Self, Problem> {
        let mut locked = keys.lock();
        match locked.insert(scope.to_owned()) {
            true => Ok(InFlightKey { keys, scope: scope.to_owned() }),
            false => Err(Error::IdempotencyKeyInUse.into()),
        }
    }
}

impl Drop for InFlightKey<'_> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.scope);
    }
}
