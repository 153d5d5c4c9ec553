//! Reads request bodies up to a limit.
use poem::{Request, error::ReadBodyError};

pub use crate::http::body_error::BodyError;
use crate::http::{image_upload::MAX_BODY_BYTES, problem::Problem, problem_code::ProblemCode};

/// The endpoint for which a command line alternative accepts larger files.
const IMPORT_PATH: &str = "/api/redirect-files/json";

/// Reads the whole body.
///
/// # Errors
///
/// 413 if the body is larger than `limit` bytes, 408 if it arrives too slowly, 400 if it is incomplete.
pub async fn read_body(request: &mut Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let hint = match request.uri().path() == IMPORT_PATH {
        true => "; use the command `tenon import json` for larger files",
        false => "",
    };
    let too_large =
        || Problem::new(ProblemCode::PayloadTooLarge, format!("body: must be at most {limit} bytes{hint}"));
    if content_length_exceeds(request, limit) {
        return Err(too_large());
    }
    match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => Err(too_large()),
        Err(ReadBodyError::Io(error)) => Err(match BodyError::from_io(&error) {
            Some(BodyError::Timeout) => {
                Problem::new(ProblemCode::RequestTimeout, "the request body arrived too slowly")
            }
            Some(BodyError::TooLarge) => too_large(),
            _ => Problem::new(ProblemCode::MalformedRequest, "the request body is incomplete"),
        }),
        Err(_) => Err(Problem::new(ProblemCode::MalformedRequest, "the request body cannot be read")),
    }
}

/// Rejects a multipart form whose Content-Length exceeds the limit. The handler counts the bytes of the
/// others.
pub fn check_form_size(request: &Request) -> Result<(), Problem> {
    if content_length_exceeds(request, MAX_BODY_BYTES) {
        let detail = format!("body: must be at most {MAX_BODY_BYTES} bytes, including the multipart headers");
        return Err(Problem::new(ProblemCode::PayloadTooLarge, detail));
    }
    Ok(())
}

/// Returns whether Content-Length exceeds `limit` bytes.
fn content_length_exceeds(request: &Request, limit: usize) -> bool {
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    declared.is_some_and(|length| length > limit as u64)
}
