//! The text and JSON forms of a log line. They have the same fields as the other lines of the log.
use std::{
    cell::RefCell,
    fmt::{self, Write},
};

use chrono::{DateTime, Utc};
use poem::http::{Method, StatusCode};
use tracing::Level;
use uuid::Uuid;

use super::{LoggedAddress, LoggedRequest};
use crate::infra::clock::system_time;

/// The format of a line in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The parts of a line that depend on its kind. `None` fields are left out.
pub struct Line<'a> {
    pub message: &'static str,
    pub operation: Option<&'a str>,
    /// `Some(None)` for an anonymous caller.
    pub caller: Option<Option<Uuid>>,
    pub status: Option<StatusCode>,
    pub code: Option<&'a str>,
    pub reason: Option<&'a str>,
}

impl Line<'_> {
    pub fn new(message: &'static str) -> Self {
        Line { message, operation: None, caller: None, status: None, code: None, reason: None }
    }

    /// Returns the level: `error` for a 500, `warn` for other 5xx.
    pub fn level(&self) -> Level {
        match self.status.map_or(0, |status| status.as_u16()) {
            500 => Level::ERROR,
            501.. => Level::WARN,
            _ => Level::INFO,
        }
    }
}

/// The buffer of a thread, and the second of its last line with the text of that second.
struct Buffer {
    text: String,
    second: u64,
    second_text: String,
}

thread_local! {
    static BUFFER: RefCell<Buffer> =
        const { RefCell::new(Buffer { text: String::new(), second: 0, second_text: String::new() }) };
}

/// Formats a line with its line feed, and passes its bytes to `write`.
pub fn with_line(
    format: LogFormat,
    request: &LoggedRequest<'_>,
    client: Option<LoggedAddress>,
    line: &Line<'_>,
    write: impl FnOnce(&[u8]),
) {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.text.clear();
        // Writing to a `String` never fails.
        let _ = buffer.begin(format, line);
        let _ = fields(&mut Fields { text: &mut buffer.text, format }, request, client, line);
        buffer.text.push_str(if format == LogFormat::Json { "}\n" } else { "\n" });
        write(buffer.text.as_bytes());
    });
}

impl Buffer {
    /// Writes the time, the level and the message.
    fn begin(&mut self, format: LogFormat, line: &Line<'_>) -> fmt::Result {
        let now = system_time();
        if self.second != now.as_secs() || self.second_text.is_empty() {
            let time = DateTime::<Utc>::from_timestamp(now.as_secs() as i64, 0).unwrap_or_default();
            self.second_text.clear();
            self.second = now.as_secs();
            write!(self.second_text, "{}", time.format("%Y-%m-%dT%H:%M:%S"))?;
        }
        let (second, micros, level) = (&self.second_text, now.subsec_micros(), line.level());
        match format {
            LogFormat::Text => write!(self.text, "{second}.{micros:06}Z {level:>5} {}", line.message),
            LogFormat::Json => write!(
                self.text,
                "{{\"timestamp\":\"{second}.{micros:06}Z\",\"level\":\"{level}\",\"message\":\"{}\"",
                line.message
            ),
        }
    }
}

fn fields(
    out: &mut Fields<'_>,
    request: &LoggedRequest<'_>,
    client: Option<LoggedAddress>,
    line: &Line<'_>,
) -> fmt::Result {
    out.text("id", request.id.as_str())?;
    if let Some(trace) = request.trace_id {
        out.name("trace_id")?;
        write!(out.text, "\"{trace:032x}\"")?;
    }
    out.text("method", request.method.map_or("-", Method::as_str))?;
    out.text("path", request.path)?;
    if let Some(operation) = line.operation {
        out.text("operation", operation)?;
    }
    match line.caller {
        Some(Some(caller)) => {
            out.text("caller", caller.hyphenated().encode_lower(&mut Uuid::encode_buffer()))?
        }
        Some(None) => out.text("caller", "-")?,
        None => {}
    }
    if let Some(client) = client {
        out.name("client")?;
        write!(out.text, "\"{client}\"")?;
    }
    if let Some(status) = line.status {
        out.name("status")?;
        out.text.push_str(status.as_str());
    }
    for (name, value) in [("code", line.code), ("reason", line.reason)] {
        if let Some(value) = value {
            out.text(name, value)?;
        }
    }
    out.name("micros")?;
    write!(out.text, "{}", request.elapsed.as_micros())
}

struct Fields<'a> {
    text: &'a mut String,
    format: LogFormat,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) -> fmt::Result {
        match self.format {
            LogFormat::Text => write!(self.text, " {name}="),
            LogFormat::Json => write!(self.text, ",\"{name}\":"),
        }
    }

    /// Writes a string, with the escape sequences of JSON: a request must not be able to forge a line.
    fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        self.name(name)?;
        self.text.push('"');
        let mut rest = value;
        while let Some(at) = rest.find(|c: char| c.is_control() || c == '"' || c == '\\') {
            let (plain, special) = rest.split_at(at);
            self.text.push_str(plain);
            let mut chars = special.chars();
            match chars.next() {
                Some(quoted @ ('"' | '\\')) => self.text.extend(['\\', quoted]),
                Some(control) => write!(self.text, "\\u{:04x}", u32::from(control))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.text.push_str(rest);
        self.text.push('"');
        Ok(())
    }
}
