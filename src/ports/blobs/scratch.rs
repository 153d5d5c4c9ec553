//! Files of what is on its way: gone when nobody holds them any more, and swept when a process has left them.
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

/// The folder of such files.
#[derive(Debug, Clone)]
pub struct Scratch(PathBuf);

/// No request runs for so long that one of its files is as old as this.
const STRAY: Duration = Duration::from_secs(600);

impl Scratch {
    pub fn new(folder: PathBuf) -> Self {
        Scratch(folder)
    }

    /// A new, empty file that nobody else on the machine reads.
    pub async fn file(&self) -> io::Result<Loose> {
        let path = self.0.join(Uuid::now_v7().simple().to_string());
        let folder = self.0.clone();
        apart(move || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let file =
                fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
            Ok(Loose { path, file: File::from_std(file) })
        })
        .await
    }

    /// Takes away the files that a process has left behind, judged by the time `now`.
    pub async fn sweep(&self, now: i64) -> io::Result<()> {
        let folder = self.0.clone();
        let before = UNIX_EPOCH + Duration::from_millis(now.max(0) as u64).saturating_sub(STRAY);
        apart(move || {
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

/// Work that blocks, away from the threads that serve requests.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A file that goes when its holder does.
#[derive(Debug)]
pub struct Loose {
    path: PathBuf,
    file: File,
}

impl Loose {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Everything that was written can be read by the file's path.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.rewind().await.map(|_| ())
    }

    /// Everything that was written survives a loss of power.
    pub(super) async fn sync(&mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await
    }
}

impl Drop for Loose {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
