//! For the few failures that must not fail the request: seen in the log, then let go.
use std::{fmt::Debug, panic::Location};

pub trait OrLog<T> {
    /// The value, or nothing and a line in the log that says `what` failed.
    fn or_log(self, what: &'static str) -> Option<T>;
}

impl<T, E: Debug> OrLog<T> for Result<T, E> {
    #[track_caller]
    fn or_log(self, what: &'static str) -> Option<T> {
        let place = Location::caller();
        self.inspect_err(|error| tracing::warn!(%place, ?error, "{what} failed")).ok()
    }
}
