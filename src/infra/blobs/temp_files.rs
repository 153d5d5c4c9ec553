//! Temporary files. A file is deleted when its handle is dropped. A sweep deletes the files of killed
//! processes.
use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt},
};
use uuid::Uuid;

/// The folder of the temporary files.
#[derive(Debug, Clone)]
pub struct TempDir(PathBuf);

/// Files older than this belong to no running request, because requests time out earlier.
const MAX_AGE: Duration = Duration::from_secs(600);

impl TempDir {
    pub fn new(folder: PathBuf) -> Self {
        TempDir(folder)
    }

    /// Creates an empty file with mode 0600.
    pub async fn create_file(&self) -> io::Result<TempFile> {
        let path = self.0.join(Uuid::now_v7().simple().to_string());
        let folder = self.0.clone();
        run_blocking(move || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let file =
                fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            Ok(TempFile { path, file: File::from_std(file) })
        })
        .await
    }

    /// Deletes files of dead processes, by their age at `now` (milliseconds since 1970).
    pub async fn sweep(&self, now: i64) -> io::Result<()> {
        let folder = self.0.clone();
        let before = UNIX_EPOCH + Duration::from_millis(now.max(0) as u64).saturating_sub(MAX_AGE);
        run_blocking(move || {
            let entries = match fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.metadata().and_then(|file| file.modified()).is_ok_and(|time| time < before) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Runs blocking work on the blocking thread pool.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A temporary file, deleted on drop.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
    file: File,
}

impl TempFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Flushes, so that the content can be read through the path, and rewinds.
    pub async fn flush_and_rewind(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.rewind().await.map(|_| ())
    }

    /// Flushes and syncs, so that the content survives a power failure.
    pub(super) async fn sync(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
