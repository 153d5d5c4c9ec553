//! Writes log lines to standard error on a thread of its own, so that no request waits for the write.
use std::{
    io::{self, Write},
    mem,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use crate::infra::metrics::Counter;

/// The destination of log lines.
pub trait LineWriter: Send + Sync {
    /// Writes a line that ends with a line feed. Must not wait.
    fn write_line(&self, line: &[u8]);

    /// Returns the number of lines that were dropped.
    fn dropped_lines(&self) -> u64 {
        0
    }
}

impl<F: Fn(&[u8]) + Send + Sync> LineWriter for F {
    fn write_line(&self, line: &[u8]) {
        self(line);
    }
}

/// Maximum bytes of lines that are not written yet. Further lines are dropped and counted.
const CAPACITY: usize = 1024 * 1024;

/// The time in which lines are collected before they are written together.
const BATCH_TIME: Duration = Duration::from_millis(5);

/// Bytes per write. Other log lines wait for one write at most.
const MAX_WRITE: usize = 16 * 1024;

/// The end of the process does not wait longer for a reader of standard error that has stopped.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes to standard error in batches.
#[derive(Clone)]
pub struct StderrWriter(Arc<Queue>);

struct Queue {
    lines: Mutex<Lines>,
    available: Condvar,
    written: Condvar,
    dropped_total: Counter,
}

#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    dropped: u64,
    /// Whether the thread is writing lines that it has taken.
    writing: bool,
}

impl StderrWriter {
    /// Starts the thread.
    pub fn start() -> io::Result<Self> {
        let queue = Arc::new(Queue {
            lines: Mutex::default(),
            available: Condvar::new(),
            written: Condvar::new(),
            dropped_total: Counter::new(),
        });
        let shared = queue.clone();
        thread::Builder::new().name("access-log".to_owned()).spawn(move || shared.run())?;
        Ok(StderrWriter(queue))
    }

    /// Waits until all lines are written, for at most two seconds.
    pub fn flush(&self) {
        let mut lines = self.0.lines.lock();
        let is_pending = |lines: &mut Lines| lines.writing || !lines.bytes.is_empty();
        self.0.written.wait_while_for(&mut lines, is_pending, FLUSH_TIMEOUT);
    }
}

impl LineWriter for StderrWriter {
    fn write_line(&self, line: &[u8]) {
        let mut lines = self.0.lines.lock();
        if lines.bytes.len() + line.len() > CAPACITY {
            lines.dropped += 1;
            self.0.dropped_total.increment();
            return;
        }
        let wakes = lines.bytes.is_empty() && !lines.writing;
        lines.bytes.extend_from_slice(line);
        drop(lines);
        if wakes {
            self.0.available.notify_one();
        }
    }

    fn dropped_lines(&self) -> u64 {
        self.0.dropped_total.get()
    }
}

impl Queue {
    fn run(&self) {
        let mut batch = Vec::new();
        loop {
            let mut lines = self.lines.lock();
            while lines.bytes.is_empty() {
                lines.writing = false;
                self.written.notify_all();
                self.available.wait(&mut lines);
            }
            lines.writing = true;
            drop(lines);
            thread::sleep(BATCH_TIME);
            let dropped = {
                let mut lines = self.lines.lock();
                mem::swap(&mut batch, &mut lines.bytes);
                mem::take(&mut lines.dropped)
            };
            // Standard error may be closed; there is no other place to report it.
            for part in batch.chunks(MAX_WRITE) {
                let _ = io::stderr().lock().write_all(part);
            }
            batch.clear();
            if dropped > 0 {
                tracing::warn!(dropped, "the access log is too slow: lines were dropped");
            }
        }
    }
}
