//! Reads request bodies up to a limit.
use poem::{Request, error::ReadBodyError};

pub use crate::http::body_error::BodyError;
use crate::http::{problem::Problem, problem_code::ProblemCode};

/// Reads the whole body. `hint` is appended to the message of the 413.
///
/// # Errors
///
/// 413 if the body is larger than `limit` bytes, 408 if it arrives too slowly, 400 if it is incomplete.
pub async fn read_body(request: &mut Request, limit: usize, hint: &str) -> Result<Vec<u8>, Problem> {
    check_content_length(request, limit, hint)?;
    let error = match request.take_body().into_bytes_limit(limit).await {
        Ok(bytes) => return Ok(bytes.into()),
        Err(ReadBodyError::PayloadTooLarge) => BodyError::TooLarge,
        Err(ReadBodyError::Io(error)) => BodyError::from_io(&error).unwrap_or(BodyError::Incomplete),
        Err(_) => return Err(Problem::new(ProblemCode::MalformedRequest, "the request body cannot be read")),
    };
    Err(match error {
        BodyError::TooLarge => too_large(limit, hint),
        error => Problem::new(error.code(), error.message()),
    })
}

/// Rejects a body whose Content-Length exceeds `limit` bytes.
pub fn check_content_length(request: &Request, limit: usize, hint: &str) -> Result<(), Problem> {
    let declared = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
    match declared.is_some_and(|length| length > limit as u64) {
        true => Err(too_large(limit, hint)),
        false => Ok(()),
    }
}

fn too_large(limit: usize, hint: &str) -> Problem {
    Problem::new(ProblemCode::PayloadTooLarge, BodyError::too_large(limit, hint))
}
