//! Free space of file systems.
use std::{io, path::Path};

/// Returns the number of bytes that this process may write to the file system of a path.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let statistics = rustix::fs::statvfs(path)?;
    Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
}
