//! Live events: the latency from a write to its event at all subscribers, compared with the latency of the write, and
//! the memory per connected subscriber.
//!
//! `cargo bench --bench events [-- --database-url postgres://…]` runs with 1,000 and 10,000 subscribers, by default on
//! SQLite. It needs as many open files: `ulimit -n 20000`.
mod service;

use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tenon::http::auth::Role;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use uuid::Uuid;

use self::service::{Failure, Service, open, resident};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The limit of anonymous event streams per client address.
const STREAMS_PER_ADDRESS: usize = 10;
const WRITES: usize = 100;
/// The delay between writes, so that they do not queue.
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (mut url, mut subscribers) = (String::new(), None);
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or("usage: --database-url URL")?;
        match name.as_str() {
            "--database-url" => url = value,
            "--subscribers" => subscribers = Some(value),
            _ => return Err("usage: --database-url URL".into()),
        }
    }
    match subscribers {
        Some(load) => run_subscribers(&load).await,
        None => measure(url).await,
    }
}

/// Runs the server in this process and the subscribers in another.
async fn measure(url: String) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("tenon-bench-{}", Uuid::now_v7()));
    let (app, config) = open(&folder.display().to_string(), url).await?;
    let (Service { address, token, .. }, _) = &Service::start(&app, &config, Role::Editor).await?;
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>14}{:>16}",
        "subscribers", "write ms", "p50 ms", "p99 ms", "last ms", "p99 / write", "kB of memory"
    );
    for subscribers in [1000, 10_000] {
        let idle = resident();
        let mut load = Command::new(std::env::current_exe()?)
            .args(["--subscribers", &format!("{address} {token} {subscribers} {WRITES}")])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut peak = idle;
        while load.try_wait()?.is_none() {
            peak = peak.max(resident());
            sleep(Duration::from_millis(20)).await;
        }
        let output = load.wait_with_output()?;
        let latencies = String::from_utf8(output.stdout)?;
        let memory = peak.saturating_sub(idle) as f64 / 1e3 / subscribers as f64;
        println!("{subscribers:<12}{}{memory:>16.1}", latencies.trim_end());
        // The connections of this round close before the next.
        sleep(Duration::from_secs(2)).await;
    }
    app.db.close().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// An event that a subscriber received.
struct Received {
    href: String,
    /// Microseconds since 1970.
    at: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

/// Subscribes, writes, and prints the latencies. `load` is the address, a token, and the numbers of subscribers and
/// writes.
async fn run_subscribers(load: &str) -> Result<(), Failure> {
    let [address, token, subscribers, writes] = load.split(' ').collect::<Vec<_>>()[..] else {
        return Err("usage: --subscribers \"ADDRESS TOKEN SUBSCRIBERS WRITES\"".into());
    };
    let (subscribers, writes): (usize, usize) = (subscribers.parse()?, writes.parse()?);
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut streams = JoinSet::new();
    for number in 0..subscribers {
        let from = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (number / STREAMS_PER_ADDRESS) as u32;
        let stream = subscribe(address, from.into()).await?;
        streams.spawn(read_events(stream, sender.clone()));
    }
    drop(sender);
    let (mut writes_begun, mut write_latencies) = (Vec::new(), Vec::new());
    for number in 0..writes {
        let (at, begin) = (now(), Instant::now());
        let href = write(address, token, number).await?;
        write_latencies.push(begin.elapsed().as_micros() as u64);
        writes_begun.push((href, at));
        sleep(PAUSE).await;
    }
    let mut event_latencies = Vec::with_capacity(subscribers * writes);
    while event_latencies.len() < subscribers * writes {
        let Received { href, at } =
            timeout(Duration::from_secs(20), receiver.recv()).await?.ok_or("the event streams ended")?;
        let (_, begin) = writes_begun
            .iter()
            .find(|(written, _)| *written == href)
            .ok_or("received an event of another write")?;
        event_latencies.push(at.saturating_sub(*begin));
    }
    event_latencies.sort_unstable();
    write_latencies.sort_unstable();
    let quantile = |sorted: &[u64], permille: usize| {
        sorted[(sorted.len() * permille / 1000).min(sorted.len() - 1)] as f64 / 1e3
    };
    let (write, p99) = (quantile(&write_latencies, 500), quantile(&event_latencies, 990));
    println!(
        "{write:>12.2}{:>12.2}{p99:>12.2}{:>12.2}{:>14.1}",
        quantile(&event_latencies, 500),
        quantile(&event_latencies, 1000),
        p99 / write
    );
    Ok(())
}

async fn subscribe(address: &str, from: Ipv4Addr) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(address.parse()?).await?;
    stream.write_all(b"GET /api/events?topics=tags HTTP/1.1\r\nHost: bench\r\n\r\n").await?;
    let mut response = Vec::new();
    while !response.ends_with(b"\n\n\r\n") {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await? {
            0 => return Err(String::from_utf8_lossy(&response).into_owned().into()),
            read => response.extend_from_slice(&chunk[..read]),
        }
        if response.len() > 8192 || (response.len() > 12 && !response.starts_with(b"HTTP/1.1 200")) {
            return Err(String::from_utf8_lossy(&response).into_owned().into());
        }
    }
    Ok(stream)
}

/// Sends every received event to the channel.
async fn read_events(mut stream: TcpStream, sender: mpsc::UnboundedSender<Received>) {
    let (mut buffer, mut chunk) = (String::new(), [0; 2048]);
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        let at = now();
        buffer.push_str(&String::from_utf8_lossy(&chunk[..read]));
        while let Some((event, after)) = buffer.split_once("\n\n") {
            let href = event.split_once("\"href\":\"").and_then(|(_, href)| href.split('"').next());
            if let Some(href) = href {
                let _ = sender.send(Received { href: href.to_owned(), at });
            }
            buffer = after.to_owned();
        }
    }
}

/// Creates a tag and returns its path.
async fn write(address: &str, token: &str, number: usize) -> Result<String, Failure> {
    let href = format!("/api/tags/bench-{number}-{}", Uuid::now_v7().simple());
    let body = format!("{{\"name\":\"Tag {number}\"}}");
    let length = body.len();
    let request = format!(
        "PUT {href} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    if response.starts_with("HTTP/1.1 201") { Ok(href) } else { Err(response.into()) }
}
