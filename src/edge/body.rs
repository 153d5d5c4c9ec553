//! Request bodies, read up to a limit.
use poem::{Request, error::ReadBodyError};

use crate::contract::{code::Code, problem::Problem};

/// Why a body could not be read; the connection's loop hides it inside an I/O error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body came too slowly")]
    TooSlow,
    #[error("the body is too large")]
    TooLarge,
    #[error("the body broke off")]
    Broken,
}

impl From<BodyError> for std::io::Error {
    fn from(error: BodyError) -> Self {
        std::io::Error::other(error)
    }
}

/// The whole body, unless it is larger than `limit` bytes or does not come.
pub async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || Problem::new(Code::PayloadTooLarge, format!("a body may have {limit} bytes here"));
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(too_large()),
        Err(ReadBodyError::Io(error)) => Err(match reason(&error) {
            Some(BodyError::TooSlow) => Problem::new(Code::RequestTimeout, "the body came too slowly"),
            Some(BodyError::TooLarge) => too_large(),
            _ => Problem::new(Code::MalformedRequest, "the body broke off before its end"),
        }),
        Err(_) => Err(Problem::new(Code::MalformedRequest, "the body cannot be read")),
    }
}

fn reason(error: &std::io::Error) -> Option<BodyError> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<BodyError>()).copied()
}
