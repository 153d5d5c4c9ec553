//! The loop between the network and the edge: hyper with limits on everything that a peer can stretch.
use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{body::Body as _, body::Incoming, header, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Addr, Body, Request, Response,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, timeout, timeout_at},
};
use uuid::Uuid;

use super::{
    address::Proxies,
    body::BodyError,
    connection::{Outgoing, Progress, Socket},
    inbound::REFUSED,
    limits::Limits,
};
use crate::contract::{code::Code, problem::Problem};

/// What answers requests; it never fails.
pub trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}

struct Loop<H> {
    handler: Arc<H>,
    limits: Arc<Limits>,
    proxies: Proxies,
    builder: auto::Builder<TokioExecutor>,
    in_flight: Semaphore,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Serves until `stop` turns true, then for the grace and until what runs has ended.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    limits: Limits,
    proxies: Proxies,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let most = limits.connections as u32;
    let (grace, drain) = (limits.grace, limits.drain);
    let in_flight = Semaphore::new(limits.in_flight);
    let builder = builder(&limits);
    let limits = Arc::new(limits);
    let shared = Arc::new(Loop { handler, limits, proxies, builder, in_flight, addresses: Mutex::default() });
    let (end, ending) = watch::channel(false);
    let stopping = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(grace).await;
    };
    tokio::pin!(stopping);
    loop {
        // A full house waits in the kernel's queue.
        let permit = tokio::select! {
            permit = connections.clone().acquire_owned() => permit.map_err(io::Error::other)?,
            () = &mut stopping => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopping => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: pause, never spin.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (shared, ending) = (shared.clone(), ending.clone());
        tokio::spawn(async move {
            if let Some(_held) = shared.hold(peer.ip()) {
                shared.connection(stream, peer, ending).await;
            }
            drop(permit);
        });
    }
    drop(listener);
    let _ = end.send(true);
    let _ = timeout(drain, connections.acquire_many(most)).await;
    Ok(())
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head.max(limits.idle))
        .max_buf_size(limits.head_bytes + 1024)
        .max_headers(limits.head_fields)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes as u32)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_send_buf_size(32 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// One of an address's connections.
struct Held<'a>(&'a Mutex<HashMap<IpAddr, usize>>, IpAddr);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.1);
            }
        }
    }
}

impl<H: Handler> Loop<H> {
    /// A place for one more connection of this address, unless it has its share; proxies speak for many.
    fn hold(&self, address: IpAddr) -> Option<Held<'_>> {
        let mut held = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_insert(0);
        if *count >= self.limits.per_address && !self.proxies.trusted(address) {
            return None;
        }
        *count += 1;
        Some(Held(&self.addresses, address))
    }

    async fn connection(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        mut ending: watch::Receiver<bool>,
    ) {
        let _ = stream.set_nodelay(true);
        let Ok(own) = stream.local_addr() else { return };
        let Some(judged) = spoken(&stream, self.limits.idle, self.limits.head).await else { return };
        let progress = Progress::new();
        let (shared, of) = (self.clone(), progress.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (shared, progress) = (shared.clone(), of.clone());
            async move {
                progress.running.fetch_add(1, Relaxed);
                let response = shared.call(request, own, peer, &progress).await;
                progress.running.fetch_sub(1, Relaxed);
                let response: hyper::Response<BoxBody<Bytes, io::Error>> = response.into();
                Ok::<_, Infallible>(response.map(|body| Outgoing::new(body, progress)))
            }
        });
        let socket = TokioIo::new(Socket::new(stream, progress.clone(), self.limits.clone(), judged));
        let connection = self.builder.serve_connection(socket, service);
        tokio::pin!(connection);
        let limits = &self.limits;
        let [stall, idle, head] =
            [limits.stall, limits.idle, limits.head].map(|time| time.as_millis() as u64);
        let mut tick = tokio::time::interval(
            (self.limits.stall / 10).clamp(Duration::from_millis(50), Duration::from_secs(1)),
        );
        let mut told = false;
        loop {
            tokio::select! {
                _ = connection.as_mut() => break,
                _ = tick.tick() => if progress.stalled() > stall || progress.idle() > idle || progress.slow() > head { break },
                _ = ending.wait_for(|end| *end), if !told => {
                    told = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    async fn call(
        &self,
        request: hyper::Request<Incoming>,
        own: SocketAddr,
        peer: SocketAddr,
        progress: &Progress,
    ) -> Response {
        if let Some(refusal) = progress.refusal.get().filter(|_| request.uri().path() == REFUSED) {
            return refuse(Problem::new(refusal.code, refusal.detail));
        }
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return refuse(unavailable("the service is at its limit"));
        };
        if let Some(problem) = self.unreadable(&request) {
            return refuse(problem);
        }
        let empty = request.body().is_end_stream();
        let declared = request.body().size_hint().lower();
        if declared > self.limits.body_bytes {
            return refuse(Problem::new(Code::PayloadTooLarge, "the body is too large for this service"));
        }
        let addresses = (LocalAddr(Addr::from(own)), RemoteAddr(Addr::from(peer)));
        let end = Instant::now() + self.limits.body;
        let limit = self.limits.body_bytes;
        let (parts, body) = request.into_parts();
        let request = hyper::Request::from_parts(parts, body);
        let mut request: Request = (request, addresses.0, addresses.1, Scheme::HTTP).into();
        if !empty {
            let body = request.take_body();
            request.set_body(timed(body, end, limit));
        }
        let most = if empty { self.limits.handler } else { self.limits.handler + self.limits.body };
        match timeout(most, self.handler.handle(request)).await {
            Ok(response) => response,
            Err(_) => refuse(unavailable("the answer took too long")),
        }
    }

    /// What is wrong with an HTTP/2 message before its meaning is looked at; HTTP/1 has been judged by then.
    fn unreadable(&self, request: &hyper::Request<Incoming>) -> Option<Problem> {
        let headers = request.headers();
        let line = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
        if line > self.limits.line_bytes {
            return Some(Problem::new(Code::UriTooLong, "the address is longer than 8,192 bytes"));
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if bytes > self.limits.head_bytes || headers.len() > self.limits.head_fields {
            return Some(Problem::new(
                Code::HeadersTooLarge,
                "send at most 64 fields and 16,384 bytes of them",
            ));
        }
        None
    }
}

/// The version is chosen from the first bytes: waiting for them and reading them have a deadline too.
/// True for HTTP/1, false for HTTP/2, nothing for a peer that does not speak.
async fn spoken(stream: &TcpStream, idle: Duration, head: Duration) -> Option<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut first = [0u8; 24];
    if !matches!(timeout(idle, stream.peek(&mut first)).await, Ok(Ok(1..))) {
        return None;
    }
    let whole = async {
        loop {
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return None,
                Ok(read) if !PREFACE.starts_with(&first[..read]) => return Some(true),
                Ok(read) if read == first.len() => return Some(false),
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(head, whole).await.unwrap_or(None)
}

/// A body that ends with an error when it comes too slowly or gets too large.
fn timed(body: Body, end: Instant, limit: u64) -> Body {
    let incoming: BoxBody<Bytes, io::Error> = body.into();
    let pieces = stream::unfold(Some((incoming, 0u64)), move |state| async move {
        let (mut incoming, read) = state?;
        match timeout_at(end, incoming.frame()).await {
            Err(_) => Some((Err(BodyError::TooSlow.into()), None)),
            Ok(None) => None,
            Ok(Some(Err(_))) => Some((Err(BodyError::Broken.into()), None)),
            Ok(Some(Ok(frame))) => {
                let bytes = frame.into_data().unwrap_or_default();
                let read = read + bytes.len() as u64;
                match read > limit {
                    true => Some((Err(BodyError::TooLarge.into()), None)),
                    false => Some((Ok::<_, io::Error>(bytes), Some((incoming, read)))),
                }
            }
        }
    });
    Body::from_bytes_stream(pieces)
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(Code::Unavailable, detail).header(header::RETRY_AFTER, "1")
}

/// A refusal made before the edge has seen the request; it ends the connection.
fn refuse(problem: Problem) -> Response {
    let trace = Uuid::now_v7().to_string();
    let mut response = problem.header(header::CONNECTION, "close").render(&trace);
    super::headers::secure(response.headers_mut(), false);
    if let Ok(value) = trace.parse() {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
