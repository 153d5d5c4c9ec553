//! `Prefer: return=minimal` (RFC 7240): the client does not need the new representation after an update.
use poem::{
    Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};

/// Returns whether the client prefers a minimal response. Unknown preferences are ignored (RFC 7240, 2).
pub fn prefers_minimal(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|preference| preference.trim() == "return=minimal")
}

/// Turns a 200 into a 204 without a body.
pub fn without_body(mut response: Response) -> Response {
    response.set_status(StatusCode::NO_CONTENT);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().insert("preference-applied", HeaderValue::from_static("return=minimal"));
    response.set_body(());
    response
}
