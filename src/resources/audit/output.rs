//! The audit log as JSON lines. The lines are read from the database, so they contain the entries of all processes and
//! commands, in order and without gaps.
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    thread,
};

use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{service::Audit, types::AuditEntry};
use crate::{
    config::AuditOutput,
    http::problem::{Error, Result},
};

/// Entries per query.
const BATCH: u64 = 500;

/// Bytes at the end of a file that contain the last line. A line has at most 3 KiB.
const LAST_LINE: u64 = 64 * 1024;

/// The destination of the lines.
pub struct AuditLines {
    writer: Arc<Mutex<Destination>>,
    /// The position of the last entry that was written.
    position: i64,
}

enum Destination {
    Stdout(io::Stdout),
    File(CompleteLines<File>),
}

impl Destination {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Destination::Stdout(stdout) => stdout.write_all(lines).and_then(|()| stdout.flush()),
            Destination::File(file) => file.write(lines),
        }
    }
}

/// A file whose length can be reduced.
trait Truncate {
    fn length(&self) -> io::Result<u64>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Truncate for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A file that contains complete lines only: a write that fails, for example on a full disk, is undone.
struct CompleteLines<F> {
    file: F,
    /// The length before a write that failed, until the file has it again.
    failed_at: Option<u64>,
}

impl<F: Write + Truncate> CompleteLines<F> {
    fn new(file: F) -> Self {
        CompleteLines { file, failed_at: None }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.undo()?;
        self.failed_at = Some(self.file.length()?);
        if let Err(error) = self.file.write_all(lines).and_then(|()| self.file.flush()) {
            // The next write repeats it.
            let _ = self.undo();
            return Err(error);
        }
        self.failed_at = None;
        Ok(())
    }

    fn undo(&mut self) -> io::Result<()> {
        if let Some(length) = self.failed_at {
            self.file.truncate(length)?;
            self.failed_at = None;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Line {
    position: i64,
}

impl Audit {
    /// Opens the destination that the setting `audit_output` names. A file continues after its last line, standard output
    /// with the next entry.
    pub async fn open_output(&self) -> Result<Option<AuditLines>> {
        let newest = self.db.newest_audit_position().await?;
        let (writer, position) = match &self.config.audit_output {
            AuditOutput::Off => return Ok(None),
            AuditOutput::Stdout => (Destination::Stdout(io::stdout()), newest),
            AuditOutput::File(path) => {
                let error = |error: io::Error| {
                    Error::Internal(format!("audit_output: cannot open {}: {error}", path.display()))
                };
                let (file, position) = open_file(path).map_err(error)?;
                if position > newest {
                    return Err(Error::Internal(format!(
                        "audit_output: the last line of {} has the position {position}, but the newest entry of the \
                         database is {newest}: move the file of the other database",
                        path.display()
                    )));
                }
                (Destination::File(CompleteLines::new(file)), position)
            }
        };
        Ok(Some(AuditLines { writer: Arc::new(Mutex::new(writer)), position }))
    }

    /// Writes the entries after the last written one, one line each. Returns their number.
    pub async fn write_lines(&self, lines: &mut AuditLines) -> Result<usize> {
        let mut written = 0;
        loop {
            let rows = self.db.audit_entries_after(lines.position, BATCH).await?;
            let Some(last) = rows.last().map(|row| row.position) else { return Ok(written) };
            written += rows.len();
            let mut text = Vec::new();
            for row in rows {
                serde_json::to_writer(&mut text, &AuditEntry::from(row))
                    .map_err(|error| Error::Internal(error.to_string()))?;
                text.push(b'\n');
            }
            let writer = lines.writer.clone();
            let (sender, done) = oneshot::channel();
            // Standard output may block. The end of the process would wait for a thread of the runtime.
            let thread = thread::Builder::new().name("audit-lines".to_owned()).spawn(move || {
                let _ = sender.send(writer.lock().write(&text));
            });
            let done = match thread {
                Ok(_) => done.await.map_err(io::Error::other).flatten(),
                Err(error) => Err(error),
            };
            done.map_err(|error| Error::Internal(format!("audit_output: cannot write: {error}")))?;
            lines.position = last;
        }
    }
}

/// Opens or creates a file, and returns it with the position of its last line; 0 if it has none. A last line that is
/// incomplete, from a crash, is removed.
fn open_file(path: &Path) -> io::Result<(File, i64)> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let start = length.saturating_sub(LAST_LINE);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let complete = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if complete < end.len() {
        file.set_len(start + complete as u64)?;
    }
    let Some(last) = end[..complete].split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()) else {
        return Ok((file, 0));
    };
    match serde_json::from_slice::<Line>(last) {
        Ok(line) => Ok((file, line.position)),
        Err(_) => Err(io::Error::other("its last line is not an audit entry: set another file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file on a disk with a limited size.
    #[derive(Default)]
    struct SmallDisk {
        text: Vec<u8>,
        size: usize,
        cannot_truncate: bool,
    }

    impl Write for SmallDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.size - self.text.len());
            self.text.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Truncate for SmallDisk {
        fn length(&self) -> io::Result<u64> {
            Ok(self.text.len() as u64)
        }

        fn truncate(&mut self, length: u64) -> io::Result<()> {
            if self.cannot_truncate {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            self.text.truncate(length as usize);
            Ok(())
        }
    }

    #[test]
    fn a_partial_write_is_undone_before_the_next_one() {
        let mut lines = CompleteLines::new(SmallDisk { size: 10, ..SmallDisk::default() });
        lines.write(b"{1}\n").unwrap();
        lines.write(b"{2222222}\n").unwrap_err();
        assert_eq!(lines.file.text, b"{1}\n");
        lines.file.cannot_truncate = true;
        lines.write(b"{2222222}\n").unwrap_err();
        assert_eq!(lines.file.text, b"{1}\n{22222");
        lines.write(b"{2}\n").unwrap_err();
        (lines.file.cannot_truncate, lines.file.size) = (false, 20);
        lines.write(b"{2222222}\n").unwrap();
        assert_eq!(lines.file.text, b"{1}\n{2222222}\n");
    }
}
