//! Request rates of lists, reads, 304 responses and creates over keep-alive connections, each compared with a poem
//! handler that returns the same bytes, in the same run on the same machine.
//!
//! `cargo bench --bench rates` generates a thousand posts; `-- --data DIR` opens a filled data folder.
mod service;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use poem::{EndpointExt, Route, Server, endpoint::make_sync, listener::TcpAcceptor};
use tenon::{app::App, http::auth::Role, resources::content::posts::ImportedPost};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use self::service::{Failure, Service, open, resident};

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CONNECTIONS: usize = 32;
const DURATION: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let data = match (arguments.next().as_deref(), arguments.next()) {
        (Some("--data"), Some(folder)) => Some(PathBuf::from(folder)),
        (None, _) => None,
        _ => return Err("usage: cargo bench --bench rates [-- --data DIR]".into()),
    };
    let temporary = std::env::temp_dir().join(format!("tenon-bench-{}", uuid::Uuid::now_v7()));
    let folder = data.clone().unwrap_or_else(|| temporary.clone());
    let result = measure(&folder.display().to_string(), data.is_none()).await;
    if data.is_none() {
        let _ = std::fs::remove_dir_all(&temporary);
    }
    result
}

async fn measure(folder: &str, empty: bool) -> Result<(), Failure> {
    let (app, config) = open(folder, String::new()).await?;
    let (Service { address: service, token, .. }, user) =
        &Service::start(&app, &config, Role::Editor).await?;
    if empty {
        fill(&app, *user).await?;
    }
    let list = send_once(service, &get("/api/posts?limit=20", "")).await?;
    let id = string_field(&list.body, "id")?;
    let path = format!("/api/posts/{id}");
    let read = send_once(service, &get(&path, "")).await?;
    let if_none_match = |response: &Response| format!("If-None-Match: {}\r\n", response.headers["etag"]);
    let auth = format!("Authorization: Bearer {token}\r\n");
    let new = "{\"title\":\"Measured\",\"content\":\"Cut the tenon to the mortise.\"}";

    println!(
        "{CONNECTIONS} connections, {} s each, {} bytes of memory when idle",
        DURATION.as_secs(),
        resident()
    );
    println!("{:<28}{:>12}{:>12}{:>10}", "request", "requests/s", "poem/s", "ratio");
    let cases = [
        ("list of 20", get("/api/posts?limit=20", ""), list.body.clone(), 200),
        ("list of 20, 304", get("/api/posts?limit=20", &if_none_match(&list)), String::new(), 304),
        ("read by id", get(&path, ""), read.body.clone(), 200),
        ("read by id, 304", get(&path, &if_none_match(&read)), String::new(), 304),
        ("create", post("/api/posts", new, &auth), read.body.clone(), 201),
    ];
    for (name, request, bytes, status) in cases {
        let baseline = start_baseline(bytes).await?;
        let server_rate = rate(service, &request, status).await?;
        let baseline_rate = rate(&baseline, &get("/", ""), 200).await?;
        println!("{name:<28}{server_rate:>12.0}{baseline_rate:>12.0}{:>10.3}", server_rate / baseline_rate);
    }
    println!("{} bytes of memory at the end", resident());
    Ok(())
}

/// Imports a thousand posts of about four kilobytes.
async fn fill(app: &App, author: uuid::Uuid) -> Result<(), Failure> {
    for hundred in 0..10 {
        let posts = app.posts.clone();
        let write = app.db.write(async move |tx| {
            for i in 0..100 {
                let number = hundred * 100 + i;
                let post = ImportedPost {
                    id: None,
                    source: format!("generated/{number}"),
                    title: format!("Generated post {number}"),
                    content: "A tenon is cut to fit. ".repeat(180),
                    excerpt: Some("A tenon is cut to fit.".to_owned()),
                    cover_image: None,
                    slug: format!("generated-post-{number}"),
                    authors: vec![author],
                    tags: vec!["Generated".to_owned(), format!("Tag {}", number % 7)],
                    aliases: vec![],
                    published_at: Some(1_700_000_000_000 + i64::from(number) * 60_000),
                };
                posts.import(&tx, &post, &mut Vec::new()).await?;
            }
            Ok::<_, tenon::http::problem::Error>(())
        });
        write.await?;
    }
    Ok(())
}

/// Starts a poem server that returns these bytes; returns its address.
async fn start_baseline(bytes: String) -> Result<String, Failure> {
    let acceptor = TcpAcceptor::from_tokio(TcpListener::bind("127.0.0.1:0").await?)?;
    let address = poem::listener::Acceptor::local_addr(&acceptor);
    let address =
        address.first().map(|address| address.to_string().replace("http://", "")).ok_or("no address")?;
    let address = address.rsplit("//").next().unwrap_or_default().to_owned();
    let endpoint =
        make_sync(move |_| poem::Response::builder().content_type("application/json").body(bytes.clone()));
    tokio::spawn(Server::new_with_acceptor(acceptor).run(Route::new().at("/", endpoint.boxed())));
    Ok(address)
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n")
}

fn post(path: &str, body: &str, headers: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Returns the requests per second over all connections.
async fn rate(address: &str, request: &str, status: u16) -> Result<f64, Failure> {
    let count = Arc::new(AtomicU64::new(0));
    let (start, end) = (Instant::now(), Instant::now() + DURATION);
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut connection, request, count) =
            (Connection::open(address).await?, request.to_owned(), count.clone());
        tasks.push(tokio::spawn(async move {
            while Instant::now() < end {
                let response = connection.send(&request).await?;
                if response.status != status {
                    return Err::<(), Failure>(
                        format!("expected {status}, got {}: {}", response.status, response.body).into(),
                    );
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// Sends one request on a new connection.
async fn send_once(address: &str, request: &str) -> Result<Response, Failure> {
    Connection::open(address).await?.send(request).await
}

struct Response {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(64 * 1024) })
    }

    async fn send(&mut self, request: &str) -> Result<Response, Failure> {
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?.parse()?;
        let headers: HashMap<String, String> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        let body = String::from_utf8_lossy(&self.buffer[head..head + length]).into_owned();
        Ok(Response { status, headers, body })
    }

    async fn read_more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the connection was closed".into()),
            _ => Ok(()),
        }
    }
}

/// Returns the first string field of that name.
fn string_field(body: &str, name: &str) -> Result<String, Failure> {
    let start =
        body.find(&format!("\"{name}\":\"")).ok_or_else(|| format!("no {name} in {body}"))? + name.len() + 4;
    Ok(body[start..].split('"').next().unwrap_or_default().to_owned())
}
