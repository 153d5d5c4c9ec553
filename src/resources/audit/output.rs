//! The audit log as JSON lines. The lines are read from the database, so they contain the entries of all processes and
//! commands, in order and without gaps.
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use parking_lot::Mutex;
use serde::Deserialize;

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
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    /// The position of the last entry that was written.
    position: i64,
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
        let (writer, position): (Box<dyn Write + Send>, i64) = match &self.config.audit_output {
            AuditOutput::Off => return Ok(None),
            AuditOutput::Stdout => (Box::new(io::stdout()), newest),
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
                (Box::new(file), position)
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
            // Standard output may block.
            let done = tokio::task::spawn_blocking(move || {
                let mut writer = writer.lock();
                writer.write_all(&text).and_then(|()| writer.flush())
            });
            let done = done.await.map_err(io::Error::other).flatten();
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
