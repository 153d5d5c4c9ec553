//! Why a request's body does not come to its end.
use std::io;

use super::problem::Error;

/// The connection's loop hides it inside an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body came too slowly")]
    TooSlow,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body broke off")]
    Broken,
}

impl BodyError {
    pub fn of(error: &io::Error) -> Option<BodyError> {
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
            BodyError::TooSlow => Error::TooSlow,
            BodyError::TooLarge => Error::TooLarge("the body is larger than this operation takes".to_owned()),
            BodyError::Broken => Error::Malformed("the body broke off before its end"),
        }
    }
}
