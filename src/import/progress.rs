//! How far an import has come: a bar on a terminal, plain lines elsewhere.
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// Where progress is shown; standard output stays free for the report.
pub struct Progress {
    shown: Shown,
    done: usize,
    total: usize,
}

enum Shown {
    Bar(ProgressBar),
    Lines { to: Box<dyn Write + Send>, every: usize },
    Nowhere,
}

impl Progress {
    /// A bar if standard error is a terminal, else a line for every 100 items.
    pub fn on_stderr() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress::lines(io::stderr(), 100);
        }
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Progress { shown: Shown::Bar(bar), done: 0, total: 0 }
    }

    /// A line after every `every` items, and after the last.
    pub fn lines(to: impl Write + Send + 'static, every: usize) -> Progress {
        Progress { shown: Shown::Lines { to: Box::new(to), every: every.max(1) }, done: 0, total: 0 }
    }

    pub fn silent() -> Progress {
        Progress { shown: Shown::Nowhere, done: 0, total: 0 }
    }

    pub(super) fn start(&mut self, what: &'static str, total: usize) {
        (self.done, self.total) = (0, total);
        if let Shown::Bar(bar) = &self.shown {
            bar.set_message(what);
            bar.set_length(total as u64);
        }
    }

    pub(super) fn advance(&mut self, items: usize) {
        let before = self.done;
        self.done += items;
        match &mut self.shown {
            Shown::Bar(bar) => bar.inc(items as u64),
            Shown::Lines { to, every } => {
                if before / *every != self.done / *every || self.done == self.total {
                    // A closed pipe must not end the import.
                    let _ = writeln!(to, "{} of {}", self.done, self.total);
                }
            }
            Shown::Nowhere => {}
        }
    }

    pub(super) fn finish(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_now_and_then_and_at_the_end() {
        let page = Page::default();
        let mut progress = Progress::lines(page.clone(), 100);
        progress.start("posts", 230);
        for items in [50, 50, 50, 50, 30] {
            progress.advance(items);
        }
        progress.finish();
        let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, "100 of 230\n200 of 230\n230 of 230\n");
    }
}
