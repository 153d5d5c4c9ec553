//! The line in the log that every request gets, also one that nobody waits for any more.
use std::time::Instant;

use poem::http::{Method, StatusCode};

use super::gate::Passed;

pub struct Line {
    pub trace: String,
    pub method: Method,
    pub path: String,
    start: Instant,
    told: bool,
}

impl Line {
    pub fn begin(trace: String, method: Method, path: String) -> Self {
        Line { trace, method, path, start: Instant::now(), told: false }
    }

    pub fn answered(mut self, passed: &Passed, status: StatusCode) {
        self.told = true;
        tracing::info!(
            id = self.trace,
            method = self.method.as_str(),
            path = self.path,
            operation = passed.operation.as_deref().unwrap_or("-"),
            caller = passed.caller.as_deref().unwrap_or("-"),
            status = status.as_u16(),
            micros = self.start.elapsed().as_micros() as u64,
            "answered"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.told {
            let micros = self.start.elapsed().as_micros() as u64;
            tracing::info!(
                id = self.trace,
                method = self.method.as_str(),
                path = self.path,
                micros,
                "given up: the client went away or the time was over"
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
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().map_or(Ok(0), |mut page| page.write(bytes))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_request_has_one_line_whatever_becomes_of_it() {
        let page = Page::default();
        let writer = page.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(log, || {
            let begin = |id: &str| Line::begin(id.to_owned(), Method::GET, "/livez".to_owned());
            begin("one").answered(&Passed::default(), StatusCode::OK);
            drop(begin("two"));
        });
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("answered") && lines[0].contains("id=\"one\""), "{text}");
        assert!(lines[1].contains("given up") && lines[1].contains("id=\"two\""), "{text}");
    }
}
