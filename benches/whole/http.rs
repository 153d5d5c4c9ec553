//! Single requests, each on a new connection, and the bytes of requests.
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::Failure;

pub struct Response {
    pub status: u16,
    /// In the order of the response, with lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Result<&str, Failure> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str()).ok_or_else(|| format!("no header {name}").into())
    }

    pub fn json(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// Returns the text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> Result<String, Failure> {
        let value = self.json()?;
        let text = value.pointer(pointer).and_then(Value::as_str);
        text.map(str::to_owned).ok_or_else(|| format!("no {pointer} in {}", self.body).into())
    }
}

pub fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n")
}

pub fn send(method: &str, path: &str, headers: &str, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         {headers}\r\n{body}"
    )
}

pub fn json(method: &str, path: &str, headers: &str, body: &str) -> String {
    send(method, path, headers, "application/json", body)
}

pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Sends the request and returns the response, which must have a 2xx status.
pub fn fetch(address: SocketAddr, request: &str) -> Result<Response, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.replacen("\r\nHost:", "\r\nConnection: close\r\nHost:", 1).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no response")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12)).ok_or("no status")?.parse()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<_> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { join_chunks(body)? } else { body.to_owned() };
    let response = Response { status, headers, body };
    match response.status {
        200..300 => Ok(response),
        _ => {
            Err(format!("{}: {status} {}", request.lines().next().unwrap_or_default(), response.body).into())
        }
    }
}

fn join_chunks(mut body: &str) -> Result<String, Failure> {
    let mut joined = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n").ok_or("no chunk size")?;
        let size = usize::from_str_radix(size, 16)?;
        if size == 0 {
            return Ok(joined);
        }
        joined.push_str(rest.get(..size).ok_or("the chunk is incomplete")?);
        body = rest.get(size + 2..).ok_or("the chunk is incomplete")?;
    }
}
