//! The access log: one line for each request, including rejected and cancelled ones.
//!
//! A line is formatted in a buffer of the thread, without allocation, and copied to a [`LineWriter`].
mod format;
mod writer;

use std::{
    fmt,
    net::IpAddr,
    str::FromStr,
    time::{Duration, Instant},
};

use poem::http::{Method, StatusCode};
use tracing::Level;
use uuid::Uuid;

use self::format::Line;
pub use self::{
    format::LogFormat,
    writer::{LineWriter, StderrWriter},
};
use super::{
    dispatch::RequestInfo,
    failure::Failure,
    request_head::Rejection,
    request_id::RequestId,
    request_metrics::{InFlight, RequestMetrics},
};
use crate::domain::network::network;

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
    /// Returns the address for the log; `None` if it must not contain one.
    fn select(self, address: Option<IpAddr>) -> Option<LoggedAddress> {
        let address = address?;
        match (self, address) {
            (ClientAddressLog::Full, _) => Some(LoggedAddress { address, network_bits: None }),
            (ClientAddressLog::Network, IpAddr::V4(_)) => {
                Some(LoggedAddress { address: network(address, 24), network_bits: Some(24) })
            }
            (ClientAddressLog::Network, IpAddr::V6(_)) => {
                Some(LoggedAddress { address: network(address, 48), network_bits: Some(48) })
            }
            (ClientAddressLog::Off, _) => None,
        }
    }
}

/// A client address, as far as it may be logged.
#[derive(Debug, Clone, Copy)]
struct LoggedAddress {
    address: IpAddr,
    network_bits: Option<u32>,
}

impl fmt::Display for LoggedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.network_bits {
            Some(bits) => write!(f, "{}/{bits}", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// The destination and the form of the access log.
pub struct AccessLog {
    /// `None` discards all lines.
    writer: Option<Box<dyn LineWriter>>,
    format: LogFormat,
    /// Lines of less severe levels are discarded.
    max_level: Level,
    client_address: ClientAddressLog,
}

impl AccessLog {
    pub fn new(
        writer: Option<Box<dyn LineWriter>>,
        format: LogFormat,
        max_level: Level,
        client_address: ClientAddressLog,
    ) -> Self {
        AccessLog { writer, format, max_level, client_address }
    }

    /// Returns a log that discards all lines.
    pub fn disabled() -> Self {
        AccessLog::new(None, LogFormat::Text, Level::ERROR, ClientAddressLog::Off)
    }

    /// Returns the number of lines that were dropped.
    pub fn dropped_lines(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.dropped_lines())
    }

    /// Returns the text of a client address, as far as it may be stored.
    pub fn shown_address(&self, address: Option<IpAddr>) -> Option<String> {
        self.client_address.select(address).map(|address| address.to_string())
    }

    /// Writes the line of a response from the cache.
    pub fn hit(
        &self,
        request: &LoggedRequest<'_>,
        operation: &str,
        caller: Option<Uuid>,
        status: StatusCode,
    ) {
        let completed = Line::new("completed");
        self.write(
            request,
            &Line { operation: Some(operation), caller: Some(caller), status: Some(status), ..completed },
        );
    }

    /// Writes the line of a request that was rejected before dispatch, or whose response was discarded.
    pub fn rejected(&self, request: &LoggedRequest<'_>, rejection: &Rejection) {
        self.write(
            request,
            &Line {
                status: Some(rejection.code.status()),
                code: Some(rejection.code.as_str()),
                reason: Some(&rejection.detail),
                ..Line::new("rejected")
            },
        );
    }

    fn write(&self, request: &LoggedRequest<'_>, line: &Line<'_>) {
        let Some(writer) = &self.writer else { return };
        if line.level() <= self.max_level {
            let client = self.client_address.select(request.client);
            format::with_line(self.format, request, client, line, |bytes| writer.write_line(bytes));
        }
    }
}

/// The facts about a request that every line contains.
#[derive(Debug, Clone, Copy)]
pub struct LoggedRequest<'a> {
    pub id: &'a RequestId,
    /// `None` if the head is invalid.
    pub method: Option<&'a Method>,
    /// The path; `-` if the head is invalid.
    pub path: &'a str,
    pub client: Option<IpAddr>,
    /// The trace of the request, if it is recorded.
    pub trace_id: Option<u128>,
    /// The time until the response.
    pub elapsed: Duration,
}

/// The owned facts about a request that every line contains.
#[derive(Debug)]
pub struct RequestLine {
    pub id: RequestId,
    method: Option<Method>,
    path: String,
    client: Option<IpAddr>,
    pub trace_id: Option<u128>,
    start: Instant,
}

impl RequestLine {
    pub fn new(id: RequestId, method: Method, path: String, client: Option<IpAddr>) -> Self {
        RequestLine { id, method: Some(method), path, client, trace_id: None, start: Instant::now() }
    }

    /// Describes a request whose head is invalid, so that its method and path are unknown.
    pub fn unparsed(client: Option<IpAddr>) -> Self {
        let (id, start) = (RequestId::generate(), Instant::now());
        RequestLine { id, method: None, path: "-".to_owned(), client, trace_id: None, start }
    }

    pub fn request(&self) -> LoggedRequest<'_> {
        let RequestLine { id, method, path, client, trace_id, start } = self;
        let (client, trace_id, elapsed) = (*client, *trace_id, start.elapsed());
        LoggedRequest { id, method: method.as_ref(), path, client, trace_id, elapsed }
    }
}

/// A dispatched request, which is logged and counted. Dropped without a response, it is a cancelled request.
pub struct PendingRequest<'a> {
    log: &'a AccessLog,
    in_flight: InFlight<'a>,
    pub line: RequestLine,
    logged: bool,
}

impl<'a> PendingRequest<'a> {
    pub fn new(log: &'a AccessLog, metrics: &'a RequestMetrics, line: RequestLine) -> Self {
        PendingRequest { log, in_flight: metrics.begin(), line, logged: false }
    }

    /// Writes the line of the response. The level is `error` for a 500 and `warn` for other 5xx.
    pub fn completed(mut self, info: &RequestInfo, status: StatusCode, failure: Option<&Failure>) {
        self.logged = true;
        let request = self.line.request();
        self.in_flight.metrics.handled(info.number, status, request.elapsed);
        self.log.write(
            &request,
            &Line {
                operation: Some(info.operation.unwrap_or("-")),
                caller: Some(info.caller),
                status: Some(status),
                code: failure.map(|failure| failure.code.as_str()),
                reason: failure.map(|failure| failure.reason.as_str()),
                ..Line::new("completed")
            },
        );
    }

    /// Writes no line.
    pub fn discard(mut self) {
        self.logged = true;
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        if !self.logged {
            self.in_flight.metrics.cancelled.increment();
            let line = Line::new("cancelled: the client disconnected or the handler timed out");
            self.log.write(&self.line.request(), &line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock, Mutex};

    use super::*;
    use crate::http::problem_code::ProblemCode;

    type Lines = Arc<Mutex<Vec<String>>>;

    fn log(format: LogFormat, max_level: Level, client_address: ClientAddressLog) -> (AccessLog, Lines) {
        let lines = Lines::default();
        let written = lines.clone();
        let writer =
            move |line: &[u8]| written.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        (AccessLog::new(Some(Box::new(writer)), format, max_level, client_address), lines)
    }

    fn pending<'a>(log: &'a AccessLog, path: &str) -> PendingRequest<'a> {
        let id = RequestId::from_text("one").unwrap();
        let client = "203.0.113.77".parse().ok();
        static METRICS: LazyLock<RequestMetrics> = LazyLock::new(|| RequestMetrics::new(&[]));
        PendingRequest::new(log, &METRICS, RequestLine::new(id, Method::GET, path.to_owned(), client))
    }

    #[test]
    fn logs_each_request_once() {
        let (log, lines) = log(LogFormat::Text, Level::INFO, ClientAddressLog::Off);
        pending(&log, "/livez").completed(&RequestInfo::default(), StatusCode::OK, None);
        drop(pending(&log, "/livez"));
        log.rejected(
            &RequestLine::unparsed(None).request(),
            &Rejection::new(ProblemCode::UriTooLong, "request target: too long"),
        );
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].contains(" INFO completed id=\"one\" method=\"GET\" path=\"/livez\""), "{lines:?}");
        assert!(!lines[0].contains("code=") && !lines[0].contains("client="), "{lines:?}");
        assert!(lines[1].contains("cancelled") && lines[1].contains("id=\"one\""), "{lines:?}");
        let rejected = "status=414 code=\"uri-too-long\" reason=\"request target: too long\"";
        assert!(lines[2].contains("rejected") && lines[2].contains(rejected), "{lines:?}");
    }

    #[test]
    fn json_lines_escape_every_text() {
        let (log, lines) = log(LogFormat::Json, Level::INFO, ClientAddressLog::Network);
        pending(&log, "/a\"b\\c\u{1}").completed(&RequestInfo::default(), StatusCode::NOT_FOUND, None);
        let line: serde_json::Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        assert_eq!((&line["path"], &line["level"]), (&"/a\"b\\c\u{1}".into(), &"INFO".into()));
        assert_eq!((&line["status"], &line["client"]), (&404.into(), &"203.0.113.0/24".into()));
        assert!(chrono::DateTime::parse_from_rfc3339(line["timestamp"].as_str().unwrap()).is_ok(), "{line}");
    }

    #[test]
    fn discards_lines_below_the_level() {
        let (log, lines) = log(LogFormat::Text, Level::WARN, ClientAddressLog::Off);
        pending(&log, "/").completed(&RequestInfo::default(), StatusCode::OK, None);
        pending(&log, "/").completed(&RequestInfo::default(), StatusCode::SERVICE_UNAVAILABLE, None);
        pending(&log, "/").completed(&RequestInfo::default(), StatusCode::INTERNAL_SERVER_ERROR, None);
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains(" WARN ") && lines[1].contains("ERROR "), "{lines:?}");
    }

    #[test]
    fn shortens_addresses_to_their_network() {
        for (setting, v4, v6) in [
            (ClientAddressLog::Full, Some("203.0.113.77"), Some("2001:db8:1:2::77")),
            (ClientAddressLog::Network, Some("203.0.113.0/24"), Some("2001:db8:1::/48")),
            (ClientAddressLog::Off, None, None),
        ] {
            let format =
                |address: &str| setting.select(address.parse().ok()).map(|address| address.to_string());
            assert_eq!(format("203.0.113.77").as_deref(), v4);
            assert_eq!(format("2001:db8:1:2::77").as_deref(), v6);
        }
    }
}
