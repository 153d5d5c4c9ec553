//! Request bodies, read up to a limit.
use poem::{Request, error::ReadBodyError};

pub use crate::contract::body::BodyError;
use crate::contract::{code::Code, problem::Problem};

/// Refuses a body that says that it is larger than `limit` bytes.
pub fn fits(request: &Request, limit: usize) -> Result<(), Problem> {
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    match declared.is_some_and(|length| length > limit as u64) {
        true => Err(too_large(limit)),
        false => Ok(()),
    }
}

/// The whole body, unless it is larger than `limit` bytes or does not come.
pub async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    fits(request, limit)?;
    match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(too_large(limit)),
        Err(ReadBodyError::Io(error)) => Err(match BodyError::of(&error) {
            Some(BodyError::TooSlow) => Problem::new(Code::RequestTimeout, "the body came too slowly"),
            Some(BodyError::TooLarge) => too_large(limit),
            _ => Problem::new(Code::MalformedRequest, "the body broke off before its end"),
        }),
        Err(_) => Err(Problem::new(Code::MalformedRequest, "the body cannot be read")),
    }
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::PayloadTooLarge, format!("a body may have {limit} bytes here"))
}
