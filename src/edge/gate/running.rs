//! Requests with an Idempotency-Key that are running in this process.
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use crate::contract::problem::{Error, Problem};

pub type Keys = Mutex<HashSet<String>>;

/// A key whose request is running; the next one with it is told to wait.
pub struct Running<'a> {
    keys: &'a Keys,
    scope: String,
}

impl<'a> Running<'a> {
    pub fn start(keys: &'a Keys, scope: &str) -> Result<Self, Problem> {
        let mut held = keys.lock().unwrap_or_else(PoisonError::into_inner);
        match held.insert(scope.to_owned()) {
            true => Ok(Running { keys, scope: scope.to_owned() }),
            false => Err(Error::KeyInUse.into()),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.scope);
    }
}
