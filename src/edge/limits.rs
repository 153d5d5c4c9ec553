//! What one client may cost: bytes, seconds and connections, each with its reason.
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's head; hyper's own default is some 400 KiB a connection.
    pub head_bytes: usize,
    /// Fields of a request's head.
    pub head_fields: usize,
    /// Bytes of a path with its query.
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
            connections: descriptors().saturating_sub(256).clamp(64, 10_000),
            per_address: 256,
            in_flight: 512,
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
            &mut self.grace,
            &mut self.drain,
        ];
        for time in times {
            *time = time.mul_f64(factor.clamp(0.001, 100.0));
        }
        self
    }
}

/// How many descriptors the process may open.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(3)).and_then(|soft| soft.parse().ok()).unwrap_or(1024)
}
