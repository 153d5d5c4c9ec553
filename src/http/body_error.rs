//! Errors while a request body is read.
use std::io;

use super::problem::Error;

/// The reason why a request body could not be read completely. The connection returns it in an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body was received too slowly")]
    Timeout,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body is incomplete")]
    Incomplete,
}

impl BodyError {
    /// Returns the cause that `error` carries, if any.
    pub fn from_io(error: &io::Error) -> Option<BodyError> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>()).copied()
    }
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        io::Error::other(error)
    }
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Timeout => Error::RequestTimeout,
            BodyError::TooLarge => {
                Error::PayloadTooLarge("the body exceeds the size limit of this operation".to_owned())
            }
            BodyError::Incomplete => {
                Error::Malformed("the body is incomplete: the connection closed before its end")
            }
        }
    }
}
