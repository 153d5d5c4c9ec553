//! Logging of errors that must not fail the request.
use std::{fmt::Debug, panic::Location};

/// Converts a result to an option and logs the error.
pub trait ResultExt<T> {
    /// Returns the value, or logs the error with the name of the `action` that failed and returns `None`.
    fn ok_or_log(self, action: &'static str) -> Option<T>;
}

impl<T, E: Debug> ResultExt<T> for Result<T, E> {
    #[track_caller]
    fn ok_or_log(self, action: &'static str) -> Option<T> {
        let location = Location::caller();
        self.inspect_err(|error| tracing::warn!(%location, ?error, "{action} failed")).ok()
    }
}
