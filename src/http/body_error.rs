//! Errors while a request body is read.
use std::{fmt, io};

use super::{problem::Error, problem_code::ProblemCode};

/// The reason why a request body could not be read completely. The connection returns it in an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    Timeout,
    TooLarge,
    Incomplete,
}

impl BodyError {
    /// Returns the cause that `error` carries, if any.
    pub fn from_io(error: &io::Error) -> Option<BodyError> {
        error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>()).copied()
    }

    /// Returns the message for a body that is larger than `limit` bytes. `hint` is appended.
    pub fn too_large(limit: usize, hint: &str) -> String {
        format!("body: must be at most {limit} bytes{hint}")
    }

    pub fn code(self) -> ProblemCode {
        match self {
            BodyError::Timeout => ProblemCode::RequestTimeout,
            BodyError::TooLarge => ProblemCode::PayloadTooLarge,
            BodyError::Incomplete => ProblemCode::MalformedRequest,
        }
    }

    /// Returns the message for the client.
    pub fn message(self) -> &'static str {
        match self {
            BodyError::Timeout => "the body was received too slowly",
            // The connection does not know the limit of the operation, which can be lower than its own.
            BodyError::TooLarge => "body: exceeds the size limit of the operation",
            BodyError::Incomplete => "the body is incomplete: the connection closed before its end",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for BodyError {}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        io::Error::other(error)
    }
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Timeout => Error::RequestTimeout,
            BodyError::TooLarge => Error::PayloadTooLarge(error.message().to_owned()),
            BodyError::Incomplete => Error::Malformed(error.message()),
        }
    }
}
