//! The loop between the network and the edge: hyper with limits on everything that a peer can stretch.
use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body as _, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use poem::{Request, Response};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep_until, timeout},
};

use super::{
    address::Proxies,
    connection::{Outgoing, weight},
    head::Refusal,
    limits::Limits,
    pulse::{Due, Exchange, Pulse},
    request::{answer, refuse},
    shares::{Place, Shares},
    socket::Socket,
};
use crate::contract::code::Code;

/// What answers requests; it never fails.
pub trait Handler: Send + Sync + 'static {
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;

    /// The bytes that a body may have at this path, if other than usual.
    fn body_bytes(&self, path: &str) -> Option<u64> {
        let _ = path;
        None
    }
}

struct Loop<H> {
    handler: Arc<H>,
    limits: Arc<Limits>,
    shares: Arc<Shares>,
    builder: auto::Builder<TokioExecutor>,
    in_flight: Semaphore,
    bodies: Semaphore,
}

/// Bytes of one connection that the kernel keeps each way: left alone it takes megabytes for a peer that
/// does not read, where no limit of ours sees them.
const KERNEL: u32 = 128 * 1024;

/// Listens; connections inherit what is set here.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(KERNEL)?;
    socket.set_recv_buffer_size(KERNEL)?;
    socket.bind(address)?;
    socket.listen(1024)
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
    let (grace, drain, pause) = (limits.grace, limits.drain, limits.pause);
    let in_flight = Semaphore::new(limits.in_flight);
    let bodies = Semaphore::new(limits.bodies);
    let (builder, shares) = (builder(&limits), Shares::new(&limits, proxies));
    let shared = Arc::new(Loop { handler, limits: Arc::new(limits), shares, builder, in_flight, bodies });
    let (end, ending) = watch::channel(false);
    let stopping = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(grace).await;
    };
    tokio::pin!(stopping);
    loop {
        let (permit, stream, peer) = tokio::select! {
            taken = take(&listener, &connections, pause) => taken?,
            () = &mut stopping => break,
        };
        let (shared, ending) = (shared.clone(), ending.clone());
        tokio::spawn(async move {
            if let Some(place) = shared.shares.place(peer.ip()) {
                shared.connection((stream, peer), place, ending).await;
            }
            drop(permit);
        });
    }
    drop(listener);
    let _ = end.send(true);
    let _ = timeout(drain, connections.acquire_many(most)).await;
    Ok(())
}

/// The next connection, when there is room for it. A full house waits in the kernel's queue.
async fn take(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
    pause: Duration,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let permit = connections.clone().acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return Ok((permit, stream, peer)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                if ours(&error) {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }
}

/// Whether the process lacks something (descriptors, memory), and not this peer: then pause, never spin.
fn ours(error: &io::Error) -> bool {
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
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes + 8 * 1024)
        .max_headers(limits.head_fields)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.head_bytes as u32)
        .max_pending_accept_reset_streams(limits.reset_backlog)
        .max_local_error_reset_streams(limits.local_errors)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window)
        .max_send_buf_size(limits.send_buffer)
        .keep_alive_interval(limits.ping)
        .keep_alive_timeout(limits.pong);
    builder
}

impl<H: Handler> Loop<H> {
    async fn connection(
        self: &Arc<Self>,
        (stream, peer): (TcpStream, SocketAddr),
        place: Arc<Place>,
        mut ending: watch::Receiver<bool>,
    ) {
        let _ = stream.set_nodelay(true);
        let Ok(own) = stream.local_addr() else { return };
        let pulse = Pulse::new(&self.limits, place.trusted);
        let (shared, of) = (self.clone(), pulse.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (shared, place, exchange) = (shared.clone(), place.clone(), Exchange::begin(&of));
            async move { Ok::<_, Infallible>(shared.exchange(request, exchange, place, (own, peer)).await) }
        });
        let socket = TokioIo::new(Socket::new(stream, pulse.clone(), self.limits.clone()));
        let mut connection = std::pin::pin!(self.builder.serve_connection(socket, service));
        let mut alarm = std::pin::pin!(sleep_until(pulse.next().into()));
        loop {
            tokio::select! {
                biased;
                _ = connection.as_mut() => return,
                _ = ending.wait_for(|end| *end), if !pulse.is_ending() => {
                    pulse.ends_within(self.limits.drain);
                    connection.as_mut().graceful_shutdown();
                    continue;
                }
                // Asked after each move of the connection: a later end needs no new alarm, it is seen then.
                () = poll_fn(|cx| {
                    let next = pulse.next().into();
                    if next < alarm.deadline() {
                        alarm.as_mut().reset(next);
                    }
                    alarm.as_mut().poll(cx)
                }) => {}
            }
            match pulse.due() {
                None => {}
                Some(Due::Head) => pulse.late(),
                Some(Due::Idle) => {
                    pulse.ends_within(self.limits.linger);
                    connection.as_mut().graceful_shutdown();
                }
                Some(Due::Stall) => return pulse.reset(),
                Some(Due::End) => return,
            }
            alarm.as_mut().reset(pulse.next().into());
        }
    }

    async fn exchange(
        &self,
        request: hyper::Request<Incoming>,
        exchange: Exchange,
        place: Arc<Place>,
        (own, peer): (SocketAddr, SocketAddr),
    ) -> hyper::Response<Outgoing> {
        let turn = exchange.0.large.clone().acquire_owned().await.ok();
        let sends = !request.body().is_end_stream();
        let body = if sends { place.body(&self.bodies) } else { Some([None, None]) };
        // A refusal after an effect would hide it.
        let effect = !request.method().is_safe();
        let making = if effect { None } else { place.turn().await };
        let response = match (exchange.0.refusal(), self.in_flight.try_acquire()) {
            (Some(refusal), _) => refuse(refusal),
            (None, _) if body.is_none() => {
                refuse(Refusal::new(Code::Unavailable, "send fewer bodies at a time"))
            }
            (None, Ok(_permit)) => answer(&*self.handler, &self.limits, request, own, peer).await,
            (None, Err(_)) => refuse(Refusal::new(Code::Unavailable, "the service is at its limit")),
        };
        let mut response: hyper::Response<BoxBody<Bytes, io::Error>> = response.into();
        let weight = weight(&response);
        let held = weight.and_then(|bytes| place.hold(bytes, effect));
        if weight.is_some() && held.is_none() {
            let refusal = Refusal::new(Code::Unavailable, "take the answers that you have asked for first");
            response = refuse(refusal).into();
        }
        drop(making);
        response.map(|body| Outgoing::new(body, exchange, turn, held))
    }
}

#[cfg(test)]
mod tests;
