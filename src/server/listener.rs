//! Accepts connections and runs hyper on them, with limits on every resource that a client can consume.
use std::{
    convert::Infallible,
    future::{Future, poll_fn, ready},
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{
    Request, Response,
    http::{HeaderMap, Method, Uri, Version, header::CONTENT_ENCODING},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep_until, timeout},
};

use super::{
    access_log::RequestLine,
    body_streams::{ResponseBody, buffered_bytes},
    client_address::Proxies,
    client_limits::{ClientLimits, Permit},
    exchange::{handle, reject},
    limits::Limits,
    request_head::Rejection,
    request_id::RequestId,
    request_metrics::ConnectionMetrics,
    socket::{Socket, SocketWriter},
    timeouts::{Exchange, Expired},
};
use crate::http::{event_stream::StreamConnection, problem_code::ProblemCode};

/// A handler of requests. It always returns a response.
pub trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;

    /// Returns a small response from the cache. It needs no permits, because it shares its bytes with the cache.
    fn cached(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: IpAddr,
        id: &RequestId,
    ) -> Option<hyper::Response<Bytes>> {
        let _ = (method, uri, headers, peer, id);
        None
    }

    /// Returns the IP address of the client for the log.
    fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let _ = headers;
        Some(peer)
    }

    /// Returns the metrics of the connections, if the handler has some.
    fn connections(&self) -> Option<&ConnectionMetrics> {
        None
    }

    /// Logs a request that the server rejects without the handler, or whose response it discards.
    fn log_rejected(&self, line: &RequestLine, rejection: &Rejection) {
        let _ = (line, rejection);
    }

    /// Returns whether the path is that of a health check or of the metrics. They do not wait for other requests of the
    /// client.
    fn is_probe(&self, path: &str) -> bool {
        let _ = path;
        false
    }
}

const TOO_MANY_BODIES: Rejection = unavailable("too many request bodies in progress: send fewer at a time");
const TOO_MANY_REQUESTS: Rejection = unavailable("too many requests in progress: try again later");
const TOO_MANY_RESPONSES: Rejection =
    unavailable("too many unread responses: read them before you send more requests");

const fn unavailable(detail: &'static str) -> Rejection {
    Rejection::new(ProblemCode::ServiceUnavailable, detail)
}

struct Server<H> {
    handler: Arc<H>,
    limits: Arc<Limits>,
    builder: auto::Builder<TokioExecutor>,
    in_flight: Semaphore,
    bodies: Semaphore,
}

/// Kernel buffer of one connection in each direction, in bytes. By default the kernel grows the buffer to
/// megabytes for a client that does not read, and no limit of the service counts this memory.
const SOCKET_BUFFER: u32 = 128 * 1024;

/// Binds a listener. Connections inherit its socket options.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Accepts connections until `stop` is true, and for the grace period after it. Then waits for the requests in
/// progress, for at most `limits.drain`.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    limits: Limits,
    proxies: Proxies,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let max_connections = limits.connections as u32;
    let (grace, drain, accept_retry) = (limits.grace, limits.drain, limits.accept_retry);
    let in_flight = Semaphore::new(limits.in_flight);
    let bodies = Semaphore::new(limits.bodies);
    let (builder, client_limits) = (builder(&limits), ClientLimits::new(&limits, proxies));
    let server = Arc::new(Server { handler, limits: Arc::new(limits), builder, in_flight, bodies });
    let (end, ending) = watch::channel(false);
    let stopping = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(grace).await;
    };
    tokio::pin!(stopping);
    loop {
        let (slot, permit, stream, peer) = tokio::select! {
            accepted = accept(&listener, &connections, &client_limits, accept_retry, server.handler.connections()) => accepted?,
            () = &mut stopping => break,
        };
        let (server, ending) = (server.clone(), ending.clone());
        tokio::spawn(async move {
            let metrics = server.handler.connections();
            if let Some(metrics) = metrics {
                metrics.accepted.increment();
            }
            let _open = metrics.map(|metrics| metrics.open.enter());
            server.drive((stream, peer), permit, ending).await;
            drop(slot);
        });
    }
    drop(listener);
    let _ = end.send(true);
    // All permits are free when the last connection has closed.
    let _ = timeout(drain, connections.acquire_many(max_connections)).await;
    Ok(())
}

/// Accepts the next connection of a client that does not have too many. Further clients wait in the backlog of the kernel
/// while it waits for a slot.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    client_limits: &Arc<ClientLimits>,
    retry: Duration,
    metrics: Option<&ConnectionMetrics>,
) -> io::Result<(OwnedSemaphorePermit, Arc<Permit>, TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(permit) = client_limits.connect(peer.ip()) else {
                    metrics.inspect(|metrics| metrics.rejected.increment());
                    continue;
                };
                match acquire_slot(connections, client_limits, &permit, retry).await? {
                    Some(slot) => return Ok((slot, permit, stream, peer)),
                    None => drop(metrics.inspect(|metrics| metrics.rejected.increment())),
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                if is_resource_error(&error) {
                    tokio::time::sleep(retry).await;
                }
            }
        }
    }
}

/// Waits for a free slot. If there is none, closes an idle connection according to [`ClientLimits::eviction_for`]. The
/// choice is repeated, because another connection may have become idle, and the chosen one may have received a request.
///
/// Returns `None` if there is none to close and the client has other connections: no connection is accepted during the wait,
/// so it would keep out clients without a connection.
async fn acquire_slot(
    connections: &Arc<Semaphore>,
    client_limits: &ClientLimits,
    permit: &Permit,
    retry: Duration,
) -> io::Result<Option<OwnedSemaphorePermit>> {
    loop {
        if let Ok(slot) = connections.clone().try_acquire_owned() {
            return Ok(Some(slot));
        }
        match client_limits.eviction_for(permit) {
            Some(idle) => idle.evict(),
            None if client_limits.has_others(permit) => return Ok(None),
            None => {}
        }
        if let Ok(slot) = timeout(retry, connections.clone().acquire_owned()).await {
            return slot.map(Some).map_err(io::Error::other);
        }
    }
}

/// Returns whether `accept` failed because the process lacks a resource (file descriptors, memory). An
/// immediate retry would fail again, so the caller waits first.
fn is_resource_error(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // `ConnectionTimers` has the timer for heads.
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes + 8 * 1024)
        .max_headers(limits.max_headers)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_streams)
        .max_header_list_size(limits.head_bytes as u32)
        .max_pending_accept_reset_streams(limits.reset_backlog)
        .max_local_error_reset_streams(limits.local_errors)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_send_buf_size(limits.send_buffer)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(limits.ping_timeout);
    builder
}

impl<H: Handler> Server<H> {
    /// Drives one connection until it ends or one of its timers expires.
    async fn drive(
        self: &Arc<Self>,
        (stream, peer): (TcpStream, SocketAddr),
        permit: Arc<Permit>,
        mut ending: watch::Receiver<bool>,
    ) {
        let _ = stream.set_nodelay(true);
        let Ok(local) = stream.local_addr() else { return };
        let timers = permit.timers.clone();
        let (read_half, write_half) = stream.into_split();
        let writer = SocketWriter::new(write_half);
        let (server, shared, stream_writer) = (self.clone(), timers.clone(), writer.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (exchange, id) = (Exchange::start(&shared), RequestId::new(request.headers()));
            let rejection = exchange.0.rejection();
            if rejection.is_none()
                && let Some(hit) = server.cached(&request, peer.ip(), &id)
            {
                return Either::Left(ready(Ok(hit.map(|body| ResponseBody::shared(body, exchange)))));
            }
            let (server, permit, writer) = (server.clone(), permit.clone(), stream_writer.clone());
            // In a box, because hyper moves the future, which would copy kilobytes for each hit too.
            Either::Right(Box::pin(async move {
                let connection = (local, peer, writer);
                let respond = server.respond(request, (exchange, rejection, id), permit, connection);
                Ok::<_, Infallible>(respond.await)
            }))
        });
        let socket = TokioIo::new(Socket::new((read_half, writer), timers.clone(), self.limits.clone()));
        let mut connection = std::pin::pin!(self.builder.serve_connection(socket, service));
        let mut alarm = std::pin::pin!(sleep_until(timers.next_deadline().into()));
        poll_fn(|cx| {
            timers.set_driver(cx);
            Poll::Ready(())
        })
        .await;
        loop {
            tokio::select! {
                biased;
                _ = connection.as_mut() => return,
                _ = ending.wait_for(|end| *end), if !timers.is_shutting_down() => {
                    timers.shut_down_within(self.limits.drain);
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                // Polled after each progress of the connection. An earlier deadline resets the alarm. A later
                // one does not need to, because the deadline is computed again when the alarm fires.
                () = poll_fn(|cx| {
                    let next = timers.next_deadline().into();
                    if next < alarm.deadline() {
                        alarm.as_mut().reset(next);
                    }
                    alarm.as_mut().poll(cx)
                }) => {}
            }
            match timers.expired() {
                None => {}
                Some(Expired::Head) => timers.mark_head_late(),
                Some(Expired::Idle) => {
                    timers.shut_down_within(self.limits.linger);
                    connection.as_mut().graceful_shutdown();
                }
                Some(Expired::Stall) => return timers.mark_reset(),
                Some(Expired::Evicted | Expired::Shutdown) => return,
            }
            alarm.as_mut().reset(timers.next_deadline().into());
        }
    }

    /// Returns the cached response to a request, if there is one. Requests over HTTP/2, and requests that
    /// [`handle`](super::exchange::handle) may reject, take the other path.
    fn cached(
        &self,
        request: &hyper::Request<Incoming>,
        peer: IpAddr,
        id: &RequestId,
    ) -> Option<hyper::Response<Bytes>> {
        let headers = request.headers();
        let is_plain = request.version() != Version::HTTP_2
            && request.body().is_end_stream()
            && !headers.contains_key(CONTENT_ENCODING);
        match is_plain {
            true => self.handler.cached(request.method(), request.uri(), headers, peer, id),
            false => None,
        }
    }

    /// Handles one request within the permits of its connection and client.
    ///
    /// The permits are acquired in one order: large response, request body, safe request, in flight. Any
    /// request can be rejected before its handler runs. Afterwards, only a safe request is rejected: the
    /// rejection of an unsafe one would hide its effect from the caller.
    async fn respond(
        &self,
        request: hyper::Request<Incoming>,
        (exchange, rejection, id): (Exchange, Option<Rejection>, RequestId),
        permit: Arc<Permit>,
        (local, peer, writer): (SocketAddr, SocketAddr, Arc<SocketWriter>),
    ) -> hyper::Response<ResponseBody> {
        let client = self.handler.client_ip(peer.ip(), request.headers());
        let line = match &rejection {
            // The request is the placeholder for one whose head is invalid.
            Some(_) => RequestLine::unparsed(client),
            None => RequestLine::new(id, request.method().clone(), request.uri().path().to_owned(), client),
        };
        // The size of the response is not known yet, so every request acquires a permit. A small response
        // releases it.
        let large = exchange.0.large.clone().acquire_owned().await.ok();
        let has_body = !request.body().is_end_stream();
        let body_permits = if has_body { permit.body_permits(&self.bodies) } else { Some([None, None]) };
        let is_unsafe = !request.method().is_safe();
        // Bodies of unknown length are chunked.
        let is_chunked = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        let handler = &*self.handler;
        let waits = !is_unsafe && !handler.is_probe(request.uri().path());
        let read_permit = if waits { permit.read_permit().await } else { None };
        let response = match (rejection, self.in_flight.try_acquire()) {
            (Some(rejection), _) => reject(handler, rejection, &line),
            (None, _) if body_permits.is_none() => reject(handler, TOO_MANY_BODIES, &line),
            (None, Ok(_permit)) => handle(handler, &self.limits, request, (local, peer), &line).await,
            (None, Err(_)) => reject(handler, TOO_MANY_REQUESTS, &line),
        };
        let mut response: hyper::Response<BoxBody<Bytes, io::Error>> = response.into();
        let buffered = buffered_bytes(&response);
        let buffer = buffered.and_then(|bytes| permit.buffer(bytes, is_unsafe));
        if buffered.is_some() && buffer.is_none() {
            response = reject(handler, TOO_MANY_RESPONSES, &line).into();
        }
        drop(read_permit);
        let stream = response.extensions_mut().remove::<StreamConnection>().filter(|_| is_chunked);
        let direct = stream.map(|stream| {
            stream.set(writer.clone());
            writer
        });
        response.map(|body| ResponseBody::new(body, exchange, (large, buffer), direct))
    }
}

#[cfg(test)]
mod tests;
