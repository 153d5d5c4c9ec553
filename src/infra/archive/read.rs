//! Reads and verifies an archive.
use std::{
    error::Error,
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write},
};

use tar::{Archive, EntryType};

use super::{HashingReader, MANIFEST, MAX_PATH, line};

/// Maximum length of a line of the manifest: the hash, two spaces, a path and a newline.
const MAX_LINE: u64 = 64 + 2 + MAX_PATH as u64 + 1;

/// An archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not a backup, or it is damaged: {0}")]
    Malformed(String),
    #[error("it is truncated: it does not end with {MANIFEST}")]
    Truncated,
    #[error("{0} is damaged: its SHA-256 hash differs from {MANIFEST}")]
    Mismatch(String),
}

/// An entry of an archive.
pub struct Entry<'a> {
    pub path: &'a str,
    pub size: u64,
    pub content: &'a mut dyn Read,
}

/// Reads all entries before the manifest, until `visit` returns false. Their hashes are not verified: call
/// [`verify_archive`] before.
pub fn read_archive(
    input: impl Read,
    mut visit: impl FnMut(Entry<'_>) -> Result<bool, ArchiveError>,
) -> Result<(), ArchiveError> {
    // Raw: entries of the backup need no extension of the format, and an extension can have any size in memory.
    for entry in Archive::new(input).entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        if entry.header().entry_type() != EntryType::Regular {
            return Err(ArchiveError::Malformed("it contains an entry that is not a file".to_owned()));
        }
        let path = String::from_utf8(entry.path_bytes().into_owned());
        let path =
            path.map_err(|_| ArchiveError::Malformed("the name of an entry is not UTF-8".to_owned()))?;
        if path.chars().any(char::is_control) {
            return Err(ArchiveError::Malformed("the name of an entry has control characters".to_owned()));
        }
        let size = entry.header().entry_size().map_err(malformed)?;
        if !visit(Entry { path: &path, size, content: &mut entry })? {
            return Ok(());
        }
    }
    Err(ArchiveError::Truncated)
}

/// Reads a whole archive and compares all hashes. Calls `visit` with each entry before the manifest. `spool` is an empty
/// file for the hashes.
pub fn verify_archive(
    input: impl Read,
    spool: File,
    mut visit: impl FnMut(Entry<'_>) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let mut spool = BufWriter::new(spool);
    read_archive(input, |entry| {
        if entry.path == MANIFEST {
            spool.flush()?;
            let mut computed = spool.get_ref().try_clone()?;
            computed.rewind()?;
            compare(BufReader::new(entry.content), BufReader::new(computed))?;
            return Ok(false);
        }
        let mut content = HashingReader::new(entry.content);
        visit(Entry { path: entry.path, size: entry.size, content: &mut content })?;
        content.drain().map_err(malformed)?;
        let (count, hash) = content.finish();
        if count != entry.size {
            return Err(ArchiveError::Truncated);
        }
        spool.write_all(line(&hash, entry.path).as_bytes())?;
        Ok(true)
    })
}

/// Compares the manifest with the computed lines.
fn compare(mut manifest: impl BufRead, mut computed: impl BufRead) -> Result<(), ArchiveError> {
    loop {
        let (expected, actual) = (next_line(&mut manifest)?, next_line(&mut computed)?);
        if expected == actual {
            if actual.is_empty() {
                return Ok(());
            }
            continue;
        }
        let line = String::from_utf8_lossy(if actual.is_empty() { &expected } else { &actual }).into_owned();
        let path = line.split_once("  ").map_or(line.as_str(), |(_, path)| path).trim_end();
        return Err(ArchiveError::Mismatch(path.escape_debug().to_string()));
    }
}

/// Returns the next line with its end; empty at the end of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    input.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Converts an error of the tar library. Its messages contain bytes of the file, which could control a terminal.
fn malformed(error: io::Error) -> ArchiveError {
    match (error.kind(), os_error(&error)) {
        (io::ErrorKind::UnexpectedEof, _) => ArchiveError::Truncated,
        (_, Some(code)) => ArchiveError::Io(io::Error::from_raw_os_error(code)),
        _ => ArchiveError::Malformed("an entry has no valid tar header".to_owned()),
    }
}

/// Returns the code of the operating system in an error or in its causes.
fn os_error(error: &io::Error) -> Option<i32> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let code = current.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        if code.is_some() {
            return code;
        }
        cause = current.source();
    }
    None
}
