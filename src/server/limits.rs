//! Limits on bytes, time and connections, each with its reason.
use std::{num::NonZero, thread, time::Duration};

use super::open_files;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request head. hyper's default is about 400 KiB per connection.
    pub head_bytes: usize,
    /// Headers of a request.
    pub max_headers: usize,
    /// Bytes of the request line, and of one header line.
    pub line_bytes: usize,
    /// From the first byte of a head to its last. A slow head occupies a connection (Slowloris).
    pub head_timeout: Duration,
    /// Without a request on a persistent connection. Longer than the 60 s of common load balancers, so that
    /// the balancer closes first and never sends a request into a closing connection.
    pub idle_timeout: Duration,
    /// For a request body, and once more for each 8 MiB of it.
    pub body_timeout: Duration,
    /// Without progress in sending a response. Then the connection is reset.
    pub stall_timeout: Duration,
    /// For a handler to return a response, not counting the time that it waits for the request body.
    pub handler_timeout: Duration,
    /// Bytes of any request body. Operations may accept less.
    pub body_bytes: u64,
    /// Connections in total.
    pub connections: usize,
    /// Connections of one client address.
    pub connections_per_client: usize,
    /// Requests in progress.
    pub in_flight: usize,
    /// Requests with a body in progress, in total and per client. Lower than `in_flight`, so that clients
    /// that send their bodies slowly cannot block requests without a body.
    pub bodies: usize,
    pub bodies_per_client: usize,
    /// Responses of one connection that are in progress, or larger than 64 KiB and not yet sent; further
    /// requests wait. Otherwise stalled HTTP/2 streams would accumulate whole responses in memory.
    pub large_responses: usize,
    /// Safe requests of one client in progress. More than there are database connections would only wait for
    /// one, with half of their responses in memory.
    pub reads_per_client: usize,
    /// Bytes of responses that are complete but not yet sent, in total and per client. Beyond them safe
    /// requests are rejected with 503.
    pub unread_bytes: u64,
    pub unread_bytes_per_client: u64,
    /// For a rejected client to read the response, and for a closing one to end its side.
    pub linger: Duration,
    /// Before the next `accept` if the process is out of file descriptors. Retrying at once would use a whole
    /// core.
    pub accept_retry: Duration,
    /// Bytes of one HTTP/2 stream, and of one connection, that may be received and not yet read.
    pub stream_window: u32,
    pub connection_window: u32,
    /// Bytes of one HTTP/2 stream that may be buffered for sending.
    pub send_buffer: usize,
    /// HTTP/2 streams that the client resets before they are accepted, until the connection is closed (rapid
    /// reset, CVE-2023-44487).
    pub reset_backlog: usize,
    /// HTTP/2 streams reset because of protocol errors of the client, until the connection is closed.
    pub local_errors: usize,
    /// Interval of HTTP/2 pings, and the time to wait for each response.
    pub ping_interval: Duration,
    pub ping_timeout: Duration,
    /// Concurrent streams of one HTTP/2 connection.
    pub max_streams: u32,
    /// From the stop signal until no more connections are accepted, so that load balancers see `/readyz` fail
    /// first.
    pub grace: Duration,
    /// After `grace`, for requests in progress to complete.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head_bytes: 16 * 1024,
            max_headers: 64,
            line_bytes: 8 * 1024,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            handler_timeout: Duration::from_secs(10),
            body_bytes: 8 * 1024 * 1024,
            connections: max_connections(open_files::soft_limit()),
            connections_per_client: 256,
            in_flight: 512,
            bodies: 384,
            bodies_per_client: 32,
            large_responses: 8,
            reads_per_client: (2 * thread::available_parallelism().map_or(2, NonZero::get)).max(4),
            unread_bytes: 48 * 1024 * 1024,
            unread_bytes_per_client: 8 * 1024 * 1024,
            linger: Duration::from_secs(2),
            accept_retry: Duration::from_millis(100),
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            send_buffer: 64 * 1024,
            reset_backlog: 20,
            local_errors: 256,
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            max_streams: 100,
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// Returns the limits with all durations multiplied by `factor`. Tests use short ones.
    pub fn scaled(mut self, factor: f64) -> Self {
        let times = [
            &mut self.head_timeout,
            &mut self.idle_timeout,
            &mut self.body_timeout,
            &mut self.stall_timeout,
            &mut self.handler_timeout,
            &mut self.ping_interval,
            &mut self.ping_timeout,
            &mut self.grace,
            &mut self.drain,
        ];
        for time in times {
            *time = time.mul_f64(factor.clamp(0.001, 100.0));
        }
        self
    }
}

/// Returns the maximum of connections: descriptors minus a reserve for the database, files and outgoing
/// requests, at most 12,500. That leaves 2,500 for requests beside 10,000 event streams.
fn max_connections(descriptors: usize) -> usize {
    descriptors.saturating_sub(256).max(descriptors / 2).clamp(1, 12_500)
}

#[cfg(test)]
mod tests {
    use super::max_connections;

    #[test]
    fn reserves_descriptors() {
        for (descriptors, connections) in
            [(1, 1), (256, 128), (1024, 768), (20_000, 12_500), (usize::MAX, 12_500)]
        {
            assert_eq!(max_connections(descriptors), connections, "{descriptors}");
        }
    }
}
