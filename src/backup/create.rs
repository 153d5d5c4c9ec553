//! Makes backups while the service runs.
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sea_orm::{ConnectionTrait, DbBackend};
use tokio::runtime::Handle;

use super::{
    BackupError, BackupInfo, DATABASE, DatabaseKind, FORMAT, IMAGE_LIST, IMAGES, INFO, MAX_IMAGE, Result,
    file_error, restore::is_backup,
};
use crate::{
    config::{BackupMedia, Config},
    domain::{secret::Secret, timestamp::Timestamp},
    infra::{
        archive::{ArchiveWriter, sha256},
        blobs::Blobs,
        clock::Clock,
        db::{Db, sqlite_path},
        work_folder::{WorkFolder, folder_of, replace_file},
    },
    resources::{content::media::inventory::originals_after, shared::secrets::sealed_with},
};

/// Maximum number of images whose names are reported.
const MAX_EXAMPLES: usize = 20;

/// Maximum number of consecutive images that cannot be read. More mean that the storage is unavailable.
const MAX_UNREADABLE: usize = 20;

/// Makes backups.
#[derive(Clone)]
pub struct Backups {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) media: Blobs,
    pub(super) config: Arc<Config>,
}

/// The content of a complete backup.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub database_bytes: u64,
    /// The number of images and of their bytes in the backup.
    pub images: u64,
    pub image_bytes: u64,
    /// The number of images whose bytes are missing, cannot be read or differ from their hash, and the keys of some. The
    /// backup does not contain their bytes.
    pub damaged_images: u64,
    pub damaged_examples: Vec<String>,
    /// The id of the secret key that is needed to restore the backup.
    pub secret_key: Option<String>,
}

impl Summary {
    fn add_damaged(&mut self, key: String) {
        self.damaged_images += 1;
        if self.damaged_examples.len() < MAX_EXAMPLES {
            self.damaged_examples.push(key);
        }
    }
}

impl Backups {
    pub fn new(db: Db, clock: Clock, media: Blobs, config: &Config) -> Self {
        Backups { db, clock, media, config: Arc::new(config.clone()) }
    }

    /// Returns the interval of scheduled backups.
    pub fn interval(&self) -> Option<Duration> {
        self.config.backup.backup_schedule.map(|interval| interval.0)
    }

    /// Returns a folder with space for a dump of the database: that of the SQLite file.
    pub(super) fn work_parent(&self) -> PathBuf {
        let url = self.config.database_url();
        match sqlite_path(&url) {
            Some(path) => folder_of(path).to_owned(),
            None => self.config.storage.data_dir.clone(),
        }
    }

    /// Makes a backup in a file. An existing one must be a backup, and is replaced when the new one is complete.
    pub async fn write_file(&self, path: &Path, media: BackupMedia) -> Result<Summary> {
        check_replaceable(path)?;
        let folder = folder_of(path);
        if !folder.is_dir() {
            return Err(BackupError::Rejected(format!(
                "{}: no such folder: create it first",
                folder.display()
            )));
        }
        let work = Arc::new(WorkFolder::create(folder).map_err(file_error(folder))?);
        let (_, summary) = self.write(new_file(work.file("archive"))?, work.clone(), media).await?;
        replace_file(&work.file("archive"), path).map_err(file_error(path))?;
        Ok(summary)
    }

    /// Makes a backup in a stream.
    pub async fn write_stream<W: Write + Send + 'static>(
        &self,
        output: W,
        media: BackupMedia,
    ) -> Result<Summary> {
        let parent = self.work_parent();
        let work = WorkFolder::create(&parent).map_err(file_error(parent))?;
        self.write(output, Arc::new(work), media).await.map(|(_, summary)| summary)
    }

    /// Writes a backup. Temporary files are in `work`. Dropping the future stops the backup.
    pub(super) async fn write<W: Write + Send + 'static>(
        &self,
        output: W,
        work: Arc<WorkFolder>,
        media: BackupMedia,
    ) -> Result<(W, Summary)> {
        let info = self.info().await?;
        // The images follow the database: an image that is uploaded in between is not part of the backup.
        self.db.dump(&Secret::new(self.config.database_url()), &work.file(DATABASE)).await?;
        let stopped = Arc::new(AtomicBool::new(false));
        let guard = SetOnDrop(stopped.clone());
        let task = Task {
            db: self.db.clone(),
            media: self.media.clone(),
            runtime: Handle::current(),
            work,
            summary: Summary { secret_key: info.secret_key.clone(), ..Summary::default() },
            written_at: (self.clock.now() / 1000).unsigned_abs(),
        };
        let output = Stoppable { output: BufWriter::new(output), stopped };
        let written = tokio::task::spawn_blocking(move || task.run(output, &info, media));
        let result = written.await.map_err(|error| BackupError::Output(io::Error::other(error)))?;
        drop(guard);
        let (output, summary) = result?;
        let output = output.output.into_inner().map_err(|error| BackupError::Output(error.into_error()))?;
        Ok((output, summary))
    }

    async fn info(&self) -> Result<BackupInfo> {
        let migrations = self.db.migrations().await?;
        let latest = migrations.into_iter().rfind(|(_, applied)| *applied);
        let (schema, _) = latest.ok_or_else(|| {
            BackupError::Rejected("the database is empty: there is nothing to back up".to_owned())
        })?;
        let secret_key = sealed_with(&self.db).await;
        Ok(BackupInfo {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: Timestamp(self.clock.now()).to_string(),
            database: match self.db.read().get_database_backend() {
                DbBackend::Sqlite => DatabaseKind::Sqlite,
                _ => DatabaseKind::Postgres,
            },
            schema,
            secret_key: secret_key.map_err(|error| BackupError::Rejected(error.to_string()))?,
        })
    }
}

/// Rejects a path that exists and is not a backup, such as a file of the database or the secret key.
fn check_replaceable(path: &Path) -> Result<()> {
    let rule = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(file_error(path)(error)),
        Ok(existing) if !existing.is_file() => "is not a file: choose another name",
        Ok(_) if is_backup(path)? => return Ok(()),
        Ok(_) => "is not a backup: choose another name, or delete the file first",
    };
    Err(BackupError::Rejected(format!("{}: exists and {rule}", path.display())))
}

/// Creates a file with mode 0600 that can be written and read.
pub(super) fn new_file(path: PathBuf) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path);
    file.map_err(file_error(path))
}

/// Sets a flag when it is dropped.
struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An output that fails after the caller of the backup was cancelled.
struct Stoppable<W: Write> {
    output: BufWriter<W>,
    stopped: Arc<AtomicBool>,
}

impl<W: Write> Write for Stoppable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stopped.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the backup was stopped")),
            false => self.output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The part of a backup that runs on a thread for blocking work.
struct Task {
    db: Db,
    media: Blobs,
    runtime: Handle,
    work: Arc<WorkFolder>,
    summary: Summary,
    written_at: u64,
}

impl Task {
    fn run<W: Write>(
        mut self,
        output: Stoppable<W>,
        info: &BackupInfo,
        media: BackupMedia,
    ) -> Result<(Stoppable<W>, Summary)> {
        let manifest = new_file(self.work.file("manifest"))?;
        let mut archive = ArchiveWriter::new(output, manifest, self.written_at);
        let info = serde_json::to_vec_pretty(info).map_err(|error| BackupError::Output(error.into()))?;
        archive.append(INFO, info.len() as u64, &info[..]).map_err(BackupError::Output)?;
        let path = self.work.file(DATABASE);
        self.summary.database_bytes = append_file(&mut archive, DATABASE, &path)?;
        // Its space may be needed for the rest of the archive.
        fs::remove_file(&path).map_err(file_error(path))?;
        match media {
            BackupMedia::Include => self.append_images(&mut archive)?,
            BackupMedia::List => self.append_list(&mut archive)?,
        }
        let output = archive.finish().map_err(BackupError::Output)?;
        Ok((output, self.summary))
    }

    fn append_images<W: Write>(&mut self, archive: &mut ArchiveWriter<W>) -> Result<()> {
        let (mut after, mut unreadable) = (String::new(), 0);
        loop {
            let originals = self.runtime.block_on(originals_after(&self.db, &after))?;
            let Some(last) = originals.last() else { return Ok(()) };
            after.clone_from(&last.key);
            for original in originals {
                // Completely before its entry begins: an entry cannot be removed.
                let content = match self.runtime.block_on(self.media.read(&original.blob, MAX_IMAGE)) {
                    Err(error) if unreadable >= MAX_UNREADABLE => {
                        return Err(BackupError::Image { key: original.key, error });
                    }
                    Err(error) => {
                        unreadable += 1;
                        tracing::warn!(key = original.key, %error, "the backup lacks an image that cannot be read");
                        self.summary.add_damaged(original.key);
                        continue;
                    }
                    Ok(content) => content,
                };
                unreadable = 0;
                let Some(content) = content.filter(|bytes| sha256(bytes) == original.sha256) else {
                    self.summary.add_damaged(original.key);
                    continue;
                };
                let path = format!("{IMAGES}{}", original.blob);
                let size = content.len() as u64;
                archive.append(&path, size, &content[..]).map_err(BackupError::Output)?;
                self.summary.images += 1;
                self.summary.image_bytes += size;
            }
        }
    }

    fn append_list<W: Write>(&mut self, archive: &mut ArchiveWriter<W>) -> Result<()> {
        let path = self.work.file("list");
        let mut list = BufWriter::new(new_file(path.clone())?);
        let mut after = String::new();
        loop {
            let originals = self.runtime.block_on(originals_after(&self.db, &after))?;
            let Some(last) = originals.last() else { break };
            after.clone_from(&last.key);
            for original in originals {
                writeln!(list, "{}  {}", original.sha256, original.blob).map_err(file_error(&path))?;
                self.summary.images += 1;
            }
        }
        list.flush().map_err(file_error(&path))?;
        append_file(archive, IMAGE_LIST, &path).map(drop)
    }
}

/// Appends a file, and returns its size.
fn append_file<W: Write>(archive: &mut ArchiveWriter<W>, name: &str, path: &Path) -> Result<u64> {
    let file = File::open(path).map_err(file_error(path))?;
    let size = file.metadata().map_err(file_error(path))?.len();
    archive.append(name, size, BufReader::new(file).take(size)).map_err(BackupError::Output)?;
    Ok(size)
}
