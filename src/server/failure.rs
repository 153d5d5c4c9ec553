//! The code and the reason of an error response, for the access log.
use poem::http::{HeaderMap, header};

use crate::{
    http::{problem::Problem, problem_code::ProblemCode},
    schema::{Location, Violation},
};

/// Violations in a reason; more are counted.
const MAX_VIOLATIONS: usize = 3;

/// Characters of a reason. Parts of it come from the request.
const MAX_REASON: usize = 500;

/// Characters of a header value in a reason.
const MAX_HEADER: usize = 100;

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: ProblemCode,
    /// The violated rule, in words.
    pub reason: String,
}

impl Failure {
    /// Explains the problem of a request with these headers.
    pub fn new(problem: &Problem, request_headers: &HeaderMap) -> Self {
        let reason = match (&problem.reason, problem.code) {
            (Some(reason), _) => reason.to_string(),
            (None, ProblemCode::PreconditionFailed) => failed_precondition(problem, request_headers),
            (None, _) if problem.errors.is_empty() => problem.detail.clone(),
            (None, _) => describe(&problem.errors),
        };
        Failure { code: problem.code, reason: truncated(&reason, MAX_REASON) }
    }
}

/// Returns the entity tag that was sent, and the current one.
fn failed_precondition(problem: &Problem, headers: &HeaderMap) -> String {
    let sent = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let sent = |name| sent(name).map(|value| truncated(&value, MAX_HEADER));
    let current = problem.current_etag.as_ref().map(|etag| etag.as_str());
    match (sent(header::IF_MATCH), sent(header::IF_NONE_MATCH), current) {
        (Some(sent), _, Some(current)) => format!("If-Match {sent} does not match the current {current}"),
        (None, Some(sent), Some(current)) => format!("If-None-Match {sent} matches the current {current}"),
        (Some(sent), _, None) => format!("If-Match {sent}: {}", problem.detail),
        (None, ..) => problem.detail.clone(),
    }
}

/// Returns the location and the rule of the first violations. The values are left out: they may be secret.
pub fn describe(violations: &[Violation]) -> String {
    let mut parts: Vec<String> = violations.iter().take(MAX_VIOLATIONS).map(violation).collect();
    if violations.len() > MAX_VIOLATIONS {
        parts.push(format!("{} more", violations.len() - MAX_VIOLATIONS));
    }
    parts.join("; ")
}

fn violation(violation: &Violation) -> String {
    let (Location::Pointer(place) | Location::Parameter(place) | Location::Header(place)) =
        &violation.location;
    let rule = violation.message.split(", got ").next().unwrap_or_default();
    format!("{}: {rule}", truncated(place, MAX_HEADER))
}

fn truncated(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::ErrorCode;

    #[test]
    fn describes_the_first_violations_without_values() {
        let violation = |n: usize| {
            let message = "must be one of a, b, got \"secret\"";
            Violation::new(Location::Pointer(format!("#/{n}")), ErrorCode::NotInEnum, message)
        };
        let problem = Problem::new(ProblemCode::ValidationFailed, "5 fields are invalid")
            .with_errors((0..5).map(violation).collect());
        let reason = "#/0: must be one of a, b; #/1: must be one of a, b; #/2: must be one of a, b; 2 more";
        assert_eq!(Failure::new(&problem, &HeaderMap::new()).reason, reason);
    }

    #[test]
    fn bounds_the_reason() {
        let problem = Problem::new(ProblemCode::Conflict, "é".repeat(1000));
        assert_eq!(Failure::new(&problem, &HeaderMap::new()).reason.chars().count(), MAX_REASON + 1);
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, format!("\"{}\"", "a".repeat(5000)).parse().expect("a value"));
        let problem = Problem::new(ProblemCode::PreconditionFailed, "the resource does not exist");
        let reason = Failure::new(&problem, &headers).reason;
        assert!(reason.ends_with("…: the resource does not exist") && reason.len() < 200, "{reason}");
    }
}
