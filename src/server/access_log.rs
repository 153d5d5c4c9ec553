//! The access log: one line for each request, including rejected and cancelled ones.
use std::{net::IpAddr, str::FromStr, time::Instant};

use poem::http::{HeaderMap, Method, StatusCode};
use uuid::Uuid;

use super::{client_address::network, dispatch::RequestInfo, failure::Failure, request_head::Rejection};

/// The part of client addresses that the access log contains.
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

impl ClientAddressLog {
    /// Returns the text for the log; `None` if it must not contain the address.
    pub fn format(self, address: IpAddr) -> Option<String> {
        match self {
            ClientAddressLog::Full => Some(address.to_string()),
            ClientAddressLog::Network => Some(match address {
                IpAddr::V4(_) => network(address, 24),
                IpAddr::V6(_) => network(address, 48),
            }),
            ClientAddressLog::Off => None,
        }
    }
}

/// The facts about a request that every line contains.
#[derive(Debug)]
pub struct RequestLine {
    pub id: String,
    method: Option<Method>,
    path: String,
    client: Option<String>,
}

impl RequestLine {
    /// `client` is the client's address, as far as it may be logged.
    pub fn new(id: String, method: Method, path: String, client: Option<String>) -> Self {
        RequestLine { id, method: Some(method), path, client }
    }

    /// Describes a request whose head is invalid, so that its method and path are unknown.
    pub fn unparsed(client: Option<String>) -> Self {
        RequestLine { id: Uuid::now_v7().to_string(), method: None, path: "-".to_owned(), client }
    }

    fn method(&self) -> &str {
        self.method.as_ref().map_or("-", Method::as_str)
    }

    /// Logs a request that was rejected before dispatch, or whose response was discarded.
    pub fn rejected(&self, rejection: &Rejection) {
        tracing::info!(
            id = self.id,
            method = self.method(),
            path = self.path,
            client = self.client,
            status = rejection.code.status().as_u16(),
            code = rejection.code.as_str(),
            reason = &*rejection.detail,
            "rejected"
        );
    }
}

/// The id of a request, which the connection determines. It identifies the request in all lines.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

impl RequestId {
    /// Returns the client's `X-Request-Id` if it is 1 to 64 characters of `A-Z a-z 0-9 . _ -`, else a new UUID.
    pub fn new(headers: &HeaderMap) -> Self {
        let valid = |id: &&str| {
            (1..=64).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let sent = headers.get("x-request-id").and_then(|id| id.to_str().ok());
        RequestId(sent.filter(valid).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }
}

/// The line of a dispatched request. A request whose line is not completed was cancelled.
pub struct AccessLog {
    line: RequestLine,
    start: Instant,
    logged: bool,
}

impl AccessLog {
    pub fn start(line: RequestLine) -> Self {
        AccessLog { line, start: Instant::now(), logged: false }
    }

    /// Logs the line of a response. The level is `error` for a 500 and `warn` for other 5xx.
    pub fn completed(mut self, info: &RequestInfo, status: StatusCode, failure: Option<&Failure>) {
        self.logged = true;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    id = self.line.id,
                    method = self.line.method(),
                    path = self.line.path,
                    operation = info.operation.as_deref().unwrap_or("-"),
                    caller = info.caller.as_deref().unwrap_or("-"),
                    client = self.line.client,
                    status = status.as_u16(),
                    code = failure.map(|failure| failure.code.as_str()),
                    reason = failure.map(|failure| failure.reason.as_str()),
                    micros = self.start.elapsed().as_micros() as u64,
                    "completed"
                )
            };
        }
        match status.as_u16() {
            500 => line!(error),
            501.. => line!(warn),
            _ => line!(info),
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if !self.logged {
            tracing::info!(
                id = self.line.id,
                method = self.line.method(),
                path = self.line.path,
                client = self.line.client,
                micros = self.start.elapsed().as_micros() as u64,
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
    use crate::http::problem_code::ProblemCode;

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
            let line = |id: &str| RequestLine::new(id.to_owned(), Method::GET, "/livez".to_owned(), None);
            AccessLog::start(line("one")).completed(&RequestInfo::default(), StatusCode::OK, None);
            drop(AccessLog::start(line("two")));
            line("three").rejected(&Rejection::new(ProblemCode::UriTooLong, "request target: too long"));
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].contains("completed") && lines[0].contains("id=\"one\""), "{text}");
        assert!(!lines[0].contains("code=") && !lines[0].contains("client="), "{text}");
        assert!(lines[1].contains("cancelled") && lines[1].contains("id=\"two\""), "{text}");
        let rejected = "status=414 code=\"uri-too-long\" reason=\"request target: too long\"";
        assert!(lines[2].contains("rejected") && lines[2].contains(rejected), "{text}");
    }

    #[test]
    fn shortens_addresses_to_their_network() {
        for (setting, v4, v6) in [
            (ClientAddressLog::Full, Some("203.0.113.77"), Some("2001:db8:1:2::77")),
            (ClientAddressLog::Network, Some("203.0.113.0/24"), Some("2001:db8:1::/48")),
            (ClientAddressLog::Off, None, None),
        ] {
            let format = |address: &str| setting.format(address.parse().unwrap());
            assert_eq!(format("203.0.113.77").as_deref(), v4);
            assert_eq!(format("2001:db8:1:2::77").as_deref(), v6);
        }
    }
}
