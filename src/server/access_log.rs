//! The access log: one line for each request, including requests that the client cancelled.
use std::{str::FromStr, time::Instant};

use poem::http::{Method, StatusCode};

use super::dispatch::RequestInfo;

/// Which part of client addresses the access log contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAddressLog {
    Full,
    /// The network: /24 for IPv4, /48 for IPv6.
    #[default]
    Network,
    Off,
}

impl FromStr for ClientAddressLog {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(ClientAddressLog::Full),
            "network" => Ok(ClientAddressLog::Network),
            "off" => Ok(ClientAddressLog::Off),
            other => Err(format!("must be full, network or off, got {other}")),
        }
    }
}

pub struct AccessLog {
    pub trace: String,
    pub method: Method,
    pub path: String,
    start: Instant,
    logged: bool,
}

impl AccessLog {
    pub fn start(trace: String, method: Method, path: String) -> Self {
        AccessLog { trace, method, path, start: Instant::now(), logged: false }
    }

    pub fn completed(mut self, info: &RequestInfo, status: StatusCode) {
        self.logged = true;
        tracing::info!(
            id = self.trace,
            method = self.method.as_str(),
            path = self.path,
            operation = info.operation.as_deref().unwrap_or("-"),
            caller = info.caller.as_deref().unwrap_or("-"),
            status = status.as_u16(),
            micros = self.start.elapsed().as_micros() as u64,
            "completed"
        );
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if !self.logged {
            let micros = self.start.elapsed().as_micros() as u64;
            tracing::info!(
                id = self.trace,
                method = self.method.as_str(),
                path = self.path,
                micros,
                "cancelled: the client disconnected or the handler timed out"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().map_or(Ok(0), |mut buffer| buffer.write(bytes))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn logs_each_request_once() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let start = |id: &str| AccessLog::start(id.to_owned(), Method::GET, "/livez".to_owned());
            start("one").completed(&RequestInfo::default(), StatusCode::OK);
            drop(start("two"));
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("completed") && lines[0].contains("id=\"one\""), "{text}");
        assert!(lines[1].contains("cancelled") && lines[1].contains("id=\"two\""), "{text}");
    }
}
