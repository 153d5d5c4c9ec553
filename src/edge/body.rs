//! Request bodies, read up to a limit.
use poem::{Request, error::ReadBodyError};

pub use crate::contract::body::BodyError;
use crate::contract::{code::Code, problem::Problem};

/// The whole body, unless it is larger than `limit` bytes or does not come.
pub async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(
            Code::PayloadTooLarge,
            format!("a body may have {limit} bytes here; `tenon import json` reads larger files of records"),
        )
    };
    if declared(request).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(too_large()),
        Err(ReadBodyError::Io(error)) => Err(match BodyError::of(&error) {
            Some(BodyError::TooSlow) => Problem::new(Code::RequestTimeout, "the body came too slowly"),
            Some(BodyError::TooLarge) => too_large(),
            _ => Problem::new(Code::MalformedRequest, "the body broke off before its end"),
        }),
        Err(_) => Err(Problem::new(Code::MalformedRequest, "the body cannot be read")),
    }
}

/// How many bytes a body says that it has.
pub fn declared(request: &Request) -> Option<u64> {
    request.header("content-length").and_then(|length| length.parse().ok())
}
