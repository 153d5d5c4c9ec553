//! Request bodies, read up to a limit.
use poem::{Request, error::ReadBodyError};

pub use crate::contract::body::BodyError;
use crate::contract::{code::Code, problem::Problem, upload::BODY};

/// Where larger files have another way.
const IMPORT: &str = "/api/redirects/import";

/// The whole body, unless it is larger than `limit` bytes or does not come.
pub async fn read(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let more = match request.uri().path() == IMPORT {
        true => "; the command `tenon import json` takes larger files",
        false => "",
    };
    let too_large =
        || Problem::new(Code::PayloadTooLarge, format!("a body may have {limit} bytes here{more}"));
    if exceeds(request, limit) {
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

/// Refuses a form that says that it is too large; the operation counts what comes.
pub fn form_fits(request: &Request) -> Result<(), Problem> {
    if exceeds(request, BODY) {
        let words = format!("a body may have {BODY} bytes here, with everything around the file");
        return Err(Problem::new(Code::PayloadTooLarge, words));
    }
    Ok(())
}

/// Whether a body says that it has more than `limit` bytes.
fn exceeds(request: &Request, limit: usize) -> bool {
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    declared.is_some_and(|length| length > limit as u64)
}
