//! One request on its way from the parser to the handler: what is refused before its meaning is looked at,
//! and what the loop answers when the handler cannot.
use std::{net::SocketAddr, sync::Arc};

use http_body_util::BodyExt;
use hyper::{Version, body::Body as _, body::Incoming as Arriving, header};
use poem::{
    Addr, Body, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use uuid::Uuid;

use super::{
    body::BodyError,
    connection::{Incoming, Meter},
    head::{self, Refusal},
    limits::Limits,
    server::Handler,
};
use crate::contract::{cache::vary, code::Code, problem::Problem};

/// Answers with the handler, within the limits.
pub async fn answer<H: Handler>(
    handler: &H,
    limits: &Limits,
    request: hyper::Request<Arriving>,
    own: SocketAddr,
    peer: SocketAddr,
) -> Response {
    let most = handler.body_bytes(request.uri().path()).unwrap_or(limits.body_bytes);
    if let Some(refusal) = refusal(&request, limits, most) {
        return refuse(refusal);
    }
    let empty = request.body().is_end_stream();
    let addresses = (LocalAddr(Addr::from(own)), RemoteAddr(Addr::from(peer)));
    let mut request: Request = (request, addresses.0, addresses.1, Scheme::HTTP).into();
    let meter = Arc::new(Meter::default());
    if !empty {
        let body = Incoming::new(request.take_body().into(), meter.clone(), limits.body, most);
        request.set_body(Body::from(body.boxed()));
    }
    let persistent = request.version() != Version::HTTP_2;
    let mut response = tokio::select! {
        response = handler.handle(request) => response,
        () = meter.used_up(limits.handler) => {
            return refuse(Refusal::new(Code::Unavailable, "the answer took too long"));
        }
    };
    if persistent && meter.left_over() {
        // The connection ends with this answer, and says so (RFC 9112, 9.6): else the next request on it would be lost.
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    match meter.failure().map(code) {
        // Half a body means nothing, whatever the handler has made of it.
        Some(code) if response.status() != code.status() => refuse(Refusal::new(code, detail(code))),
        _ => response,
    }
}

fn code(error: BodyError) -> Code {
    match error {
        BodyError::TooSlow => Code::RequestTimeout,
        BodyError::TooLarge => Code::PayloadTooLarge,
        BodyError::Broken => Code::MalformedRequest,
    }
}

fn detail(code: Code) -> &'static str {
    match code {
        Code::RequestTimeout => "the body came too slowly",
        Code::PayloadTooLarge => "the body is larger than this operation takes",
        _ => "the body broke off before its end",
    }
}

/// What is wrong with a message before its meaning is looked at. The socket has judged HTTP/1 by its bytes;
/// here HTTP/2 is held to the same.
fn refusal(request: &hyper::Request<Arriving>, limits: &Limits, most: u64) -> Option<Refusal> {
    let headers = request.headers();
    if request.version() == Version::HTTP_2 {
        let mut hosts = headers.get_all(header::HOST).iter();
        let named = request.uri().authority().is_some();
        let (first, second) = (hosts.next(), hosts.next());
        if second.is_some() || !(named || first.is_some()) {
            return Some(Refusal::new(Code::MalformedRequest, "send exactly one host"));
        }
        if let Some(Err(refusal)) = first.map(|host| head::host(host.as_bytes())) {
            return Some(refusal);
        }
    }
    let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if line > limits.line_bytes {
        return Some(Refusal::new(Code::UriTooLong, "the address is longer than 8,192 bytes"));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits.head_bytes || headers.len() > limits.head_fields {
        return Some(head::too_large());
    }
    let coding = |value: &header::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(coding) {
        return Some(Refusal::new(Code::UnsupportedMediaType, "send the body without a Content-Encoding"));
    }
    let declared = request.body().size_hint().lower();
    (declared > most).then(|| Refusal::new(Code::PayloadTooLarge, detail(Code::PayloadTooLarge)))
}

/// A refusal made before the edge has seen the request; it ends the connection.
pub fn refuse(refusal: Refusal) -> Response {
    let trace = Uuid::now_v7().to_string();
    let mut problem = Problem::new(refusal.code, refusal.detail).header(header::CONNECTION, "close");
    if refusal.code == Code::Unavailable {
        problem = problem.header(header::RETRY_AFTER, "1");
    }
    // The edge has not seen it: this is its line in the log.
    tracing::info!(id = trace, status = refusal.code.status().as_u16(), cause = refusal.detail, "refused");
    let mut response = problem.render(&trace);
    super::headers::secure(response.headers_mut(), false);
    vary(response.headers_mut(), "Origin");
    if let Ok(value) = trace.parse() {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
