//! `Prefer: return=minimal` (RFC 7240): a client that has no use for what it has just sent.
use poem::{
    Response,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};

/// Whether that is wished; preferences that are not known are not looked at (RFC 7240, 2).
pub fn minimal(headers: &HeaderMap) -> bool {
    let fields = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|value| value.split(',')).any(|wish| wish.trim() == "return=minimal")
}

pub fn without_body(mut response: Response) -> Response {
    response.set_status(StatusCode::NO_CONTENT);
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().insert("preference-applied", HeaderValue::from_static("return=minimal"));
    response.set_body(());
    response
}
