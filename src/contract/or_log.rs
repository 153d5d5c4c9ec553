//! Logging of errors that must not fail the request.
use std::{fmt::Debug, panic::Location};

/// Converts a result to an option and logs the error.
pub trait OrLog<T> {
    /// Returns the value, or logs the error with the name of the `action` that failed and returns `None`.
    fn or_log(self, action: &'static str) -> Option<T>;
}

impl<T, E: Debug> OrLog<T> for Result<T, E> {
    #[track_caller]
    fn or_log(self, action: &'static str) -> Option<T> {
        let location = Location::caller();
        self.inspect_err(|error| tracing::warn!(%location, ?error, "{action} failed")).ok()
    }
}
