//! Progress output of an import: a progress bar on a terminal, otherwise plain lines.
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Shows the progress of an import. Never writes to standard output, which is for the report.
pub struct Progress {
    output: Output,
    done: usize,
    total: usize,
}

enum Output {
    Bar(ProgressBar),
    Lines { to: Box<dyn Write + Send>, every: usize },
    Hidden,
}

impl Progress {
    /// Shows a bar if standard error is a terminal, otherwise writes a line for every 100 items.
    pub fn on_stderr() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::lines(io::stderr(), 100);
        }
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Progress { output: Output::Bar(bar), done: 0, total: 0 }
    }

    /// Writes a line after every `every` items and after the last one.
    pub fn lines(to: impl Write + Send + 'static, every: usize) -> Progress {
        Progress { output: Output::Lines { to: Box::new(to), every: every.max(1) }, done: 0, total: 0 }
    }

    /// Shows nothing.
    pub fn silent() -> Progress {
        Progress { output: Output::Hidden, done: 0, total: 0 }
    }

    pub(super) fn start(&mut self, label: &'static str, total: usize) {
        (self.done, self.total) = (0, total);
        if let Output::Bar(bar) = &self.output {
            bar.set_message(label);
            bar.set_length(total as u64);
        }
    }

    pub(super) fn advance(&mut self, items: usize) {
        let before = self.done;
        self.done += items;
        match &mut self.output {
            Output::Bar(bar) => bar.inc(items as u64),
            Output::Lines { to, every } => {
                if before / *every != self.done / *every || self.done == self.total {
                    // A closed pipe must not abort the import.
                    let _ = writeln!(to, "{} of {}", self.done, self.total);
                }
            }
            Output::Hidden => {}
        }
    }

    pub(super) fn finish(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn writes_lines_periodically_and_at_the_end() {
        let buffer = Buffer::default();
        let mut progress = Progress::lines(buffer.clone(), 100);
        progress.start("posts", 230);
        for items in [50, 50, 50, 50, 30] {
            progress.advance(items);
        }
        progress.finish();
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "100 of 230\n200 of 230\n230 of 230\n");
    }
}
