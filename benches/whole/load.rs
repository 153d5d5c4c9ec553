//! The load: requests over keep-alive connections from one thread, with raw HTTP/1.1 on non-blocking sockets. Parsing a
//! response costs little, so that a server on another core is the bottleneck.
use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};

use crate::Failure;

/// Eight digits in a request, which are replaced by a different number in each request that is sent.
pub const COUNTER: &str = "########";
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    Sent(u64),
}

/// The requests. Each connection sends its next request after the response to the previous one.
pub struct Load {
    address: SocketAddr,
    requests: Vec<Request>,
    status: u16,
    connections: usize,
}

struct Request {
    bytes: Vec<u8>,
    counter: Option<usize>,
}

/// The responses of one round.
pub struct Sample {
    pub requests: u64,
    pub elapsed: Duration,
    pub latencies: Histogram,
}

impl Load {
    /// Every response must have this status.
    pub fn new(address: SocketAddr, requests: Vec<String>, status: u16, connections: usize) -> Self {
        let requests = requests.into_iter().map(|request| {
            let counter = request.find(COUNTER);
            Request { bytes: request.into_bytes(), counter }
        });
        Load { address, requests: requests.collect(), status, connections }
    }

    /// Opens the connections and sends requests. `sequence` numbers the requests over all rounds.
    pub fn run(&self, until: Until, sequence: &mut u64) -> Result<Sample, Failure> {
        let mut poll = Poll::new()?;
        let mut connections = Vec::with_capacity(self.connections);
        for number in 0..self.connections {
            let mut connection = Connection::open(self.address)?;
            poll.registry().register(&mut connection.stream, Token(number), Interest::READABLE)?;
            connections.push(connection);
        }
        let first = *sequence;
        let begin = Instant::now();
        let more = |sequence: u64| match until {
            Until::Elapsed(duration) => begin.elapsed() < duration,
            Until::Sent(count) => sequence - first < count,
        };
        let mut active = 0;
        for connection in &mut connections {
            if more(*sequence) {
                self.send(connection, sequence)?;
                active += 1;
            }
        }
        let mut sample = Sample { requests: 0, elapsed: Duration::ZERO, latencies: Histogram::new() };
        let mut events = Events::with_capacity(self.connections);
        while active > 0 {
            poll.poll(&mut events, Some(TIMEOUT))?;
            if events.is_empty() {
                return Err("no response within 20 s".into());
            }
            for event in &events {
                let connection = &mut connections[event.token().0];
                while connection.receive()? {
                    if !connection.complete(self.status)? {
                        continue;
                    }
                    sample.requests += 1;
                    sample.latencies.record(connection.sent.elapsed());
                    if more(*sequence) {
                        self.send(connection, sequence)?;
                    } else {
                        active -= 1;
                    }
                    break;
                }
            }
        }
        sample.elapsed = begin.elapsed();
        Ok(sample)
    }

    fn send(&self, connection: &mut Connection, sequence: &mut u64) -> Result<(), Failure> {
        let request = &self.requests[(*sequence % self.requests.len() as u64) as usize];
        *sequence += 1;
        connection.filled = 0;
        connection.expected = None;
        connection.sent = Instant::now();
        match request.counter {
            None => connection.write(&request.bytes),
            Some(at) => {
                let mut bytes = request.bytes.clone();
                bytes[at..at + COUNTER.len()]
                    .copy_from_slice(format!("{:08}", *sequence % 100_000_000).as_bytes());
                connection.write(&bytes)
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the response ends, once its head is complete.
    expected: Option<End>,
    head: Head,
    sent: Instant,
}

#[derive(Clone, Copy)]
enum End {
    At(usize),
    LastChunk,
}

/// The positions in the previous head. The next head usually has the same.
#[derive(Clone, Copy, Default)]
struct Head {
    end: usize,
    /// The digits of `Content-Length`.
    length: usize,
}

const CONTENT_LENGTH: &[u8] = b"\ncontent-length: ";

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            buffer: vec![0; 64 * 1024],
            filled: 0,
            expected: None,
            head: Head::default(),
            sent: Instant::now(),
        })
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads once. Returns `false` if there is nothing to read yet.
    fn receive(&mut self) -> Result<bool, Failure> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err("the server closed the connection".into()),
            Ok(read) => {
                self.filled += read;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the response is complete.
    fn complete(&mut self, status: u16) -> Result<bool, Failure> {
        if self.expected.is_none() {
            self.expected = self.parse_head(status)?;
        }
        let received = &self.buffer[..self.filled];
        match self.expected {
            None => Ok(false),
            Some(End::At(end)) if self.filled > end => {
                Err("the response is longer than its head says".into())
            }
            Some(End::At(end)) => Ok(self.filled == end),
            Some(End::LastChunk) => Ok(received.ends_with(b"\r\n0\r\n\r\n")),
        }
    }

    fn parse_head(&mut self, status: u16) -> Result<Option<End>, Failure> {
        let received = &self.buffer[..self.filled];
        let Head { end, length } = self.head;
        let same = length > 0
            && received.get(end - 4..end) == Some(b"\r\n\r\n")
            && received[length - CONTENT_LENGTH.len()..length].eq_ignore_ascii_case(CONTENT_LENGTH);
        if !same {
            let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
                return Ok(None);
            };
            let end = end + 4;
            let length = received[..end]
                .windows(CONTENT_LENGTH.len())
                .position(|window| window.eq_ignore_ascii_case(CONTENT_LENGTH))
                .map_or(0, |at| at + CONTENT_LENGTH.len());
            self.head = Head { end, length };
        }
        let Head { end, length } = self.head;
        let head = &received[..end];
        if head.get(9..12) != Some(status.to_string().as_bytes()) {
            return Err(format!("expected {status}, got {}", String::from_utf8_lossy(received)).into());
        }
        let body =
            head[length..].iter().map_while(|byte| byte.is_ascii_digit().then(|| usize::from(byte - b'0')));
        match status {
            304 => Ok(Some(End::At(end))),
            _ if length > 0 => Ok(Some(End::At(end + body.fold(0, |value, digit| value * 10 + digit)))),
            _ => Ok(Some(End::LastChunk)),
        }
    }
}

/// Counts of latencies, in buckets of at most 1.6 % width.
pub struct Histogram {
    counts: Vec<u64>,
}

const PRECISION: u32 = 6;

impl Histogram {
    pub fn new() -> Self {
        Histogram { counts: vec![0; (64 - PRECISION as usize + 1) << PRECISION] }
    }

    pub fn record(&mut self, latency: Duration) {
        let nanos = latency.as_nanos() as u64;
        let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(PRECISION + 1);
        let bucket = (u64::from(shift) << PRECISION) + (nanos >> shift);
        self.counts[bucket as usize] += 1;
    }

    pub fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Returns the latency that this fraction of the requests did not exceed.
    pub fn quantile(&self, fraction: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        let rank = (total as f64 * fraction).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                let shift = (bucket >> PRECISION).saturating_sub(1);
                let value = bucket as u64 - ((shift as u64) << PRECISION);
                return Duration::from_nanos(value << shift);
            }
        }
        Duration::ZERO
    }
}
