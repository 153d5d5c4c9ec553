//! Logging of errors that must not fail the request.
use std::{error::Error, panic::Location};

/// Converts a result to an option and logs the error.
pub trait ResultExt<T> {
    /// Returns the value, or logs the error with the name of the `action` that failed and returns `None`.
    fn ok_or_log(self, action: &'static str) -> Option<T>;
}

impl<T, E: Error> ResultExt<T> for Result<T, E> {
    #[track_caller]
    fn ok_or_log(self, action: &'static str) -> Option<T> {
        let location = Location::caller();
        self.inspect_err(|error| tracing::warn!(%location, error = with_causes(error), "{action} failed"))
            .ok()
    }
}

/// Returns the message of an error, followed by those of its causes that it does not contain.
pub fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = current.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Named(&'static str, #[source] std::io::Error);

    #[test]
    fn a_cause_is_added_once() {
        let reset = || std::io::Error::other("connection reset");
        assert_eq!(with_causes(&reset()), "connection reset");
        assert_eq!(with_causes(&Named("database error", reset())), "database error: connection reset");
        assert_eq!(with_causes(&Named("query: connection reset", reset())), "query: connection reset");
    }
}
