//! Latencies from a write to its event at every subscriber of a stream.
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime,
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{Failure, http, load::Histogram};

const SUBSCRIBERS: usize = 1000;
const WRITES: usize = 60;
/// Subscribers per source address, below the limits of a server for one client.
const PER_ADDRESS: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Subscribes to the stream at `path`, and sends the requests of `write`, each after the event of the previous one.
pub fn measure(
    address: SocketAddr,
    path: &str,
    write: impl Fn(usize) -> String,
) -> Result<Histogram, Failure> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for number in 0..SUBSCRIBERS {
            let source = u32::from(Ipv4Addr::new(127, 1, 0, 1)) + (number / PER_ADDRESS) as u32;
            let stream = subscribe(address, source.into(), path).await?;
            tokio::spawn(receive(stream, sender.clone()));
        }
        drop(sender);
        let mut latencies = Histogram::new();
        for number in 0..WRITES {
            sleep(PAUSE).await;
            let request = write(number).replacen("\r\nHost:", "\r\nConnection: close\r\nHost:", 1);
            let mut writer = TcpStream::connect(address).await?;
            let begin = Instant::now();
            writer.write_all(request.as_bytes()).await?;
            for _ in 0..SUBSCRIBERS {
                let received = timeout(Duration::from_secs(20), receiver.recv()).await?;
                let received = received.ok_or("the event streams ended")?;
                latencies.record(received.saturating_duration_since(begin));
            }
            let mut response = String::new();
            writer.read_to_string(&mut response).await?;
            if !response.starts_with("HTTP/1.1 201") {
                return Err(response.into());
            }
        }
        Ok(latencies)
    })
}

/// A request that creates a tag.
pub fn create_tag(prefix: &str, number: usize, token: &str) -> String {
    let path = format!("{prefix}/tags/bench-{number}-{}", uuid::Uuid::now_v7().simple());
    http::json("PUT", &path, &http::bearer(token), &format!("{{\"name\":\"Bench {number}\"}}"))
}

async fn subscribe(address: SocketAddr, source: Ipv4Addr, path: &str) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(http::get(path, "").as_bytes()).await?;
    let mut response = Vec::new();
    // The first chunk is the heartbeat that is sent on connect.
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

/// Sends the time of every received event to the channel.
async fn receive(mut stream: TcpStream, sender: mpsc::UnboundedSender<Instant>) {
    let (mut buffer, mut chunk) = (String::new(), [0; 2048]);
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        let at = Instant::now();
        buffer.push_str(&String::from_utf8_lossy(&chunk[..read]));
        while let Some((event, after)) = buffer.split_once("\n\n") {
            if event.contains("\"href\":\"") {
                let _ = sender.send(at);
            }
            buffer = after.to_owned();
        }
    }
}
