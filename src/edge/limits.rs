//! What one client may cost: bytes, seconds and connections, each with its reason.
use std::{num::NonZero, thread, time::Duration};

#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's head; hyper's own default is some 400 KiB a connection.
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// Bytes of the request line, and of one field line.
    pub line_bytes: usize,
    /// From the first byte of a head to its last: a slow head holds a connection.
    pub head: Duration,
    /// Without a request on a kept connection; above the 60 s of common balancers, which else race it.
    pub idle: Duration,
    /// For a whole body.
    pub body: Duration,
    /// Without progress in sending an answer: who does not read is cut off.
    pub stall: Duration,
    /// For an operation to answer.
    pub handler: Duration,
    /// Bytes of any body; operations may take less.
    pub body_bytes: u64,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// Requests that are being answered.
    pub in_flight: usize,
    /// Of them, those that come with a body, in all and from one address: a body may drip, and must not keep the
    /// others out.
    pub bodies: usize,
    pub bodies_share: usize,
    /// Requests of one connection that are being answered, or whose answer is above 64 KiB and not yet
    /// taken; others wait. Stalled HTTP/2 streams else pile up whole answers in memory.
    pub large_answers: usize,
    /// Reads of one address that are being answered at a time: more than there are connections to read from
    /// the database would only wait there, with half of their answers in memory.
    pub reads: usize,
    /// Bytes of answers that were made and are not yet taken, in all and of one address;
    /// beyond them, what only reads is refused.
    pub untaken: u64,
    pub untaken_share: u64,
    /// For a refused peer to read why, and for a closing one to end its side.
    pub linger: Duration,
    /// Without a descriptor left, until the next try: at once would only burn the processor.
    pub pause: Duration,
    /// Bytes of one HTTP/2 stream, and of one connection, that may come in unread.
    pub stream_window: u32,
    pub connection_window: u32,
    /// Bytes of one HTTP/2 stream that may wait to go out.
    pub send_buffer: usize,
    /// HTTP/2 streams that the peer resets before they are looked at, until the connection ends.
    pub reset_backlog: usize,
    /// HTTP/2 streams reset for the peer's errors, until the connection ends.
    pub local_errors: usize,
    /// Between signs of life of an HTTP/2 peer, and for one to come.
    pub ping: Duration,
    pub pong: Duration,
    /// Streams of one HTTP/2 connection.
    pub streams: u32,
    /// From the signal to stop until no connection is taken any more, so that balancers notice.
    pub grace: Duration,
    /// Then, for what runs to end.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head_bytes: 16 * 1024,
            head_fields: 64,
            line_bytes: 8 * 1024,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            handler: Duration::from_secs(10),
            body_bytes: 8 * 1024 * 1024,
            connections: connections_for(descriptors()),
            per_address: 256,
            in_flight: 512,
            bodies: 384,
            bodies_share: 32,
            large_answers: 8,
            reads: (2 * thread::available_parallelism().map_or(2, NonZero::get)).max(4),
            untaken: 48 * 1024 * 1024,
            untaken_share: 8 * 1024 * 1024,
            linger: Duration::from_secs(2),
            pause: Duration::from_millis(100),
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            send_buffer: 64 * 1024,
            reset_backlog: 20,
            local_errors: 256,
            ping: Duration::from_secs(20),
            pong: Duration::from_secs(10),
            streams: 100,
            grace: Duration::from_secs(5),
            drain: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The same with all times multiplied.
    pub fn scaled(mut self, factor: f64) -> Self {
        let times = [
            &mut self.head,
            &mut self.idle,
            &mut self.body,
            &mut self.stall,
            &mut self.handler,
            &mut self.ping,
            &mut self.pong,
            &mut self.grace,
            &mut self.drain,
        ];
        for time in times {
            *time = time.mul_f64(factor.clamp(0.001, 100.0));
        }
        self
    }
}

/// Leaves descriptors to the database, files and calls outward. Ten thousand streams of events leave room for others.
fn connections_for(descriptors: usize) -> usize {
    descriptors.saturating_sub(256).max(descriptors / 2).clamp(1, 12_500)
}

/// How many descriptors the process may open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(3)).and_then(|soft| soft.parse().ok()).unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::connections_for;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (files, connections) in [(1, 1), (256, 128), (1024, 768), (20_000, 12_500), (usize::MAX, 12_500)]
        {
            assert_eq!(connections_for(files), connections, "{files}");
        }
    }
}
