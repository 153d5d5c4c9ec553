//! Processes one request between hyper and the handler: checks before dispatch, the handler timeout, and
//! responses that the server sends without the handler.
use std::{net::SocketAddr, sync::Arc};

use http_body_util::BodyExt;
use hyper::{Version, body::Body as _, body::Incoming as IncomingBody, header};
use poem::{
    Addr, Body, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};

use super::{
    access_log::RequestLine,
    body_streams::{RequestBody, RequestBodyProgress},
    limits::Limits,
    listener::Handler,
    request_body::BodyError,
    request_head::{self, Rejection},
    response_headers,
};
use crate::http::{cache_control::add_vary, problem::Problem, problem_code::ProblemCode};

const HANDLER_TIMEOUT: Rejection =
    Rejection::new(ProblemCode::ServiceUnavailable, "the request took too long: try again later");

/// Runs the handler within the limits and returns its response.
pub async fn handle<H: Handler>(
    handler: &H,
    limits: &Limits,
    request: hyper::Request<IncomingBody>,
    (local, peer): (SocketAddr, SocketAddr),
    line: &RequestLine,
) -> Response {
    if let Some(rejection) = check_head(&request, limits) {
        return reject(handler, rejection, line);
    }
    let has_no_body = request.body().is_end_stream();
    let addresses = (LocalAddr(Addr::from(local)), RemoteAddr(Addr::from(peer)));
    let mut request: Request = (request, addresses.0, addresses.1, Scheme::HTTP).into();
    request.extensions_mut().insert(line.id);
    let progress = Arc::new(RequestBodyProgress::default());
    if !has_no_body {
        let (body, max_bytes) = (request.take_body().into(), limits.body_bytes);
        let body = RequestBody::new(body, progress.clone(), limits.body_timeout, max_bytes);
        request.set_body(Body::from(body.boxed()));
    }
    let is_http1 = request.version() != Version::HTTP_2;
    let mut response = tokio::select! {
        response = handler.handle(request) => response,
        () = progress.handler_timeout(limits.handler_timeout) => {
            return reject(handler, HANDLER_TIMEOUT, line);
        }
    };
    if is_http1 && progress.unread() {
        // The connection cannot be reused, because the rest of the body is unread. Without `Connection: close`
        // (RFC 9112, section 9.6), the client would send its next request on it and lose the request.
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    match progress.failure() {
        // The handler has received only part of the body, so its response is discarded, unless it reports the
        // same error in more detail.
        Some(error) if response.status() != error.code().status() => reject(handler, error.into(), line),
        _ => response,
    }
}

/// Returns the rejection of a request that must not reach the handler. The socket has already validated the
/// heads of HTTP/1 requests; for HTTP/2, the same rules are applied here.
fn check_head(request: &hyper::Request<IncomingBody>, limits: &Limits) -> Option<Rejection> {
    let headers = request.headers();
    if request.version() == Version::HTTP_2 {
        let mut hosts = headers.get_all(header::HOST).iter();
        let has_authority = request.uri().authority().is_some();
        let (first, second) = (hosts.next(), hosts.next());
        if second.is_some() || !(has_authority || first.is_some()) {
            return Some(Rejection::new(ProblemCode::MalformedRequest, "Host: must be sent exactly once"));
        }
        if request_head::has_user_info(request.uri()) {
            return Some(Rejection::new(
                ProblemCode::MalformedRequest,
                ":authority: must not contain user information",
            ));
        }
        if let Some(Err(rejection)) = first.map(|host| request_head::validate_host(host.as_bytes())) {
            return Some(rejection);
        }
    }
    let target = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if target > limits.line_bytes {
        return Some(request_head::target_too_long(limits));
    }
    // The size of a header in HTTP/1, with `: ` and CRLF.
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits.head_bytes || headers.len() > limits.max_headers {
        return Some(request_head::too_large(limits));
    }
    let encoded = |value: &header::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(encoded) {
        return Some(Rejection::new(
            ProblemCode::UnsupportedMediaType,
            "Content-Encoding: must be absent or identity",
        ));
    }
    let declared = request.body().size_hint().lower();
    (declared > limits.body_bytes).then(|| BodyError::TooLarge.into())
}

/// Returns the response to a request that is rejected before dispatch. It closes the connection.
pub fn reject<H: Handler>(handler: &H, rejection: Rejection, line: &RequestLine) -> Response {
    // The handler logs dispatched requests only.
    handler.log_rejected(line, &rejection);
    let mut problem = Problem::new(rejection.code, rejection.detail).header(header::CONNECTION, "close");
    if rejection.code == ProblemCode::ServiceUnavailable {
        problem = problem.header(header::RETRY_AFTER, "1");
    }
    let mut response = problem.render(line.id.as_str());
    response_headers::set_security_headers(response.headers_mut());
    add_vary(response.headers_mut(), "Origin");
    response.headers_mut().insert("x-request-id", line.id.header_value());
    response
}
