//! What live events cost: how long after a write all subscribers have its event, beside the write itself, and how much
//! memory a connected subscriber holds.
//!
//! `cargo bench --bench events`; 1,000 subscribers, then 10,000. `-- --database-url postgres://…` for another database.
//! Needs as many open files: `ulimit -n 20000`.
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

/// What an address without an account may have.
const OF_AN_ADDRESS: usize = 10;
const WRITES: usize = 100;
/// Between two writes: people write, and nobody waits in line.
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
        Some(wanted) => listen(&wanted).await,
        None => serve(url).await,
    }
}

/// The service, with subscribers in a process of their own.
async fn serve(url: String) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("tenon-bench-{}", Uuid::now_v7()));
    let (app, config) = open(&folder.display().to_string(), url).await?;
    let (Service { address, token, .. }, _) = &Service::start(&app, &config, Role::Editor).await?;
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>14}{:>16}",
        "subscribers", "write ms", "p50 ms", "p99 ms", "last ms", "p99 / write", "kB of memory"
    );
    for subscribers in [1000, 10_000] {
        let rest = resident();
        let mut load = Command::new(std::env::current_exe()?)
            .args(["--subscribers", &format!("{address} {token} {subscribers} {WRITES}")])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut most = rest;
        while load.try_wait()?.is_none() {
            most = most.max(resident());
            sleep(Duration::from_millis(20)).await;
        }
        let said = load.wait_with_output()?;
        let said = String::from_utf8(said.stdout)?;
        let memory = most.saturating_sub(rest) as f64 / 1e3 / subscribers as f64;
        println!("{subscribers:<12}{}{memory:>16.1}", said.trim_end());
        // The connections of one round end before the next.
        sleep(Duration::from_secs(2)).await;
    }
    app.db.close().await?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// What a subscriber saw, and when: microseconds since 1970.
struct Seen {
    href: String,
    at: u64,
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

async fn listen(wanted: &str) -> Result<(), Failure> {
    let [address, token, subscribers, writes] = wanted.split(' ').collect::<Vec<_>>()[..] else {
        return Err("an address, a token and two numbers".into());
    };
    let (subscribers, writes): (usize, usize) = (subscribers.parse()?, writes.parse()?);
    let (seen, mut all) = mpsc::unbounded_channel();
    let mut streams = JoinSet::new();
    for number in 0..subscribers {
        let from = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (number / OF_AN_ADDRESS) as u32;
        let stream = subscribe(address, from.into()).await?;
        streams.spawn(follow(stream, seen.clone()));
    }
    drop(seen);
    let (mut begun, mut durations) = (Vec::new(), Vec::new());
    for number in 0..writes {
        let (at, begin) = (now(), Instant::now());
        let href = write(address, token, number).await?;
        durations.push(begin.elapsed().as_micros() as u64);
        begun.push((href, at));
        sleep(PAUSE).await;
    }
    let mut waits = Vec::with_capacity(subscribers * writes);
    while waits.len() < subscribers * writes {
        let Seen { href, at } =
            timeout(Duration::from_secs(20), all.recv()).await?.ok_or("the streams have ended")?;
        let (_, begin) = begun.iter().find(|(made, _)| *made == href).ok_or("an event of another write")?;
        waits.push(at.saturating_sub(*begin));
    }
    waits.sort_unstable();
    durations.sort_unstable();
    let of = |all: &[u64], part: usize| all[(all.len() * part / 1000).min(all.len() - 1)] as f64 / 1e3;
    let (write, p99) = (of(&durations, 500), of(&waits, 990));
    println!(
        "{write:>12.2}{:>12.2}{p99:>12.2}{:>12.2}{:>14.1}",
        of(&waits, 500),
        of(&waits, 1000),
        p99 / write
    );
    Ok(())
}

async fn subscribe(address: &str, from: Ipv4Addr) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(address.parse()?).await?;
    stream.write_all(b"GET /api/events?topics=tags HTTP/1.1\r\nHost: bench\r\n\r\n").await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\n\n\r\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await? {
            0 => return Err(String::from_utf8_lossy(&answer).into_owned().into()),
            read => answer.extend_from_slice(&piece[..read]),
        }
        if answer.len() > 8192 || (answer.len() > 12 && !answer.starts_with(b"HTTP/1.1 200")) {
            return Err(String::from_utf8_lossy(&answer).into_owned().into());
        }
    }
    Ok(stream)
}

/// Tells of every event that comes.
async fn follow(mut stream: TcpStream, seen: mpsc::UnboundedSender<Seen>) {
    let (mut rest, mut piece) = (String::new(), [0; 2048]);
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        let at = now();
        rest.push_str(&String::from_utf8_lossy(&piece[..read]));
        while let Some((event, after)) = rest.split_once("\n\n") {
            let href = event.split_once("\"href\":\"").and_then(|(_, href)| href.split('"').next());
            if let Some(href) = href {
                let _ = seen.send(Seen { href: href.to_owned(), at });
            }
            rest = after.to_owned();
        }
    }
}

/// Makes a tag; gives back where it is.
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
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if answer.starts_with("HTTP/1.1 201") { Ok(href) } else { Err(answer.into()) }
}
