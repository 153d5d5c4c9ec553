//! Reads backups.
//!
//! A backup is verified completely before it is used. It is therefore read several times.
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use bytes::Bytes;
use tokio::runtime::Handle;

use super::{
    BackupError, BackupInfo, DATABASE, FORMAT, IMAGE_LIST, IMAGES, INFO, MAX_IMAGE, Result, create::new_file,
    file_error,
};
use crate::{
    infra::{
        archive::{ArchiveError, Entry, MANIFEST, read_archive, sha256, verify_archive},
        blobs::Blobs,
        db::Db,
        work_folder::WorkFolder,
    },
    resources::content::media::inventory::{hash_of, originals_after},
};

/// Maximum size of the description.
const MAX_INFO: u64 = 64 * 1024;

/// A backup file whose hashes are verified.
pub struct VerifiedBackup<'a> {
    path: &'a Path,
    pub info: BackupInfo,
}

/// Images that were restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestoredImages {
    /// The images of a backup that lists them, and those of them that the storage has.
    pub listed: Option<ListedImages>,
    pub stored: u64,
    /// Images that the storage already had.
    pub unchanged: u64,
    /// Images whose bytes do not have the hash that the database has, or that are not in the database.
    pub rejected: u64,
}

/// Images that a backup lists without their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListedImages {
    pub total: u64,
    /// Images of the database whose bytes are in the storage.
    pub present: u64,
}

/// Reads a backup completely and compares its hashes. Temporary files are in `work`.
pub fn verify<'a>(path: &'a Path, work: &WorkFolder) -> Result<VerifiedBackup<'a>> {
    let spool = new_file(work.file("manifest"))?;
    let (mut info, mut entries, mut has_database) = (None, 0_u64, false);
    verify_archive(open(path)?, spool, |entry| {
        match (entries, entry.path) {
            (0, INFO) => info = Some(read_info(entry)?),
            (1, DATABASE) => has_database = true,
            (0 | 1, other) => return Err(unexpected(other)),
            _ => {}
        }
        entries += 1;
        Ok(())
    })?;
    match info.filter(|_| has_database) {
        Some(info) => Ok(VerifiedBackup { path, info }),
        None => Err(ArchiveError::Truncated.into()),
    }
}

fn read_info(entry: Entry<'_>) -> std::result::Result<BackupInfo, ArchiveError> {
    let mut text = Vec::new();
    entry.content.take(MAX_INFO).read_to_end(&mut text)?;
    // Its own message can contain text of the file.
    let malformed = |_| ArchiveError::Malformed(format!("{INFO} is not the description of a backup"));
    // The format first: the other fields depend on it.
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(malformed)?;
    let format = value["format"].as_u64();
    if format != Some(u64::from(FORMAT)) {
        let format = format.map_or("none".to_owned(), |format| format.to_string());
        return Err(ArchiveError::Malformed(format!(
            "{INFO}: format must be {FORMAT}, got {format}: use the version of tenon that made the backup"
        )));
    }
    let info: BackupInfo = serde_json::from_value(value).map_err(malformed)?;
    let texts = [&info.program, &info.created_at, &info.schema].into_iter().chain(&info.secret_key);
    if texts.flat_map(|text| text.chars()).any(char::is_control) {
        return Err(ArchiveError::Malformed(format!("{INFO} has control characters")));
    }
    Ok(info)
}

/// Returns whether a file begins with the description of a backup, of any version.
pub(super) fn is_backup(path: &Path) -> Result<bool> {
    let mut is_backup = false;
    let read = read_archive(open(path)?, |entry| {
        if entry.path == INFO {
            let mut text = Vec::new();
            entry.content.take(MAX_INFO).read_to_end(&mut text)?;
            let info = serde_json::from_slice::<serde_json::Value>(&text);
            is_backup = info.is_ok_and(|info| info["format"].is_u64());
        }
        Ok(false)
    });
    match read {
        Err(ArchiveError::Io(error)) => Err(file_error(path)(error)),
        _ => Ok(is_backup),
    }
}

fn unexpected(path: &str) -> ArchiveError {
    ArchiveError::Malformed(format!("unexpected entry {path}"))
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(file_error(path))
}

impl VerifiedBackup<'_> {
    /// Extracts the dump of the database into the new file `to`, and syncs it.
    pub fn extract_database(&self, to: &Path) -> Result<()> {
        let mut file = new_file(to.to_owned())?;
        read_archive(open(self.path)?, |entry| match entry.path {
            INFO => Ok(true),
            DATABASE => {
                std::io::copy(entry.content, &mut file)?;
                Ok(false)
            }
            other => Err(unexpected(other)),
        })?;
        file.sync_all().map_err(file_error(to))
    }

    /// Stores the images of the restored database `db` that the storage does not have, and replaces bytes in the storage
    /// that do not have the hash in the database.
    pub async fn restore_images(&self, db: &Db, media: &Blobs) -> Result<RestoredImages> {
        let path = self.path.to_owned();
        let target = ImageTarget { db: db.clone(), media: media.clone(), runtime: Handle::current() };
        let restore = move || {
            let mut images = RestoredImages::default();
            let mut failed = None;
            let read = read_archive(open(&path)?, |entry| {
                if entry.path == IMAGE_LIST {
                    match target.count_listed(entry) {
                        Ok(listed) => images.listed = Some(listed),
                        Err(error) => failed = Some(error),
                    }
                    return Ok(failed.is_none());
                }
                let Some(key) = entry.path.strip_prefix(IMAGES) else {
                    return Ok(entry.path != MANIFEST);
                };
                match target.store(key, entry) {
                    Ok(Outcome::Stored) => images.stored += 1,
                    Ok(Outcome::Unchanged) => images.unchanged += 1,
                    Ok(Outcome::Rejected) => images.rejected += 1,
                    Err(error) => failed = Some(error),
                }
                Ok(failed.is_none())
            });
            match failed {
                Some(error) => Err(error),
                None => Ok(read.map(|()| images)?),
            }
        };
        let restored = tokio::task::spawn_blocking(restore).await;
        restored.map_err(|error| BackupError::Rejected(error.to_string()))?
    }
}

/// What happened to an image of a backup.
enum Outcome {
    Stored,
    Unchanged,
    Rejected,
}

/// The restored database and the storage of its images.
struct ImageTarget {
    db: Db,
    media: Blobs,
    runtime: Handle,
}

impl ImageTarget {
    /// Counts the images of a list in the format of `sha256sum`.
    fn count_listed(&self, entry: Entry<'_>) -> Result<ListedImages> {
        let mut listed = ListedImages::default();
        for line in BufReader::new(entry.content).lines() {
            let line = line.map_err(|error| BackupError::Archive(error.into()))?;
            let (_, blob) = line.split_once("  ").ok_or_else(|| {
                ArchiveError::Malformed(format!("{IMAGE_LIST} has a line without a hash and a name"))
            })?;
            listed.total += 1;
            let is_known = self.runtime.block_on(hash_of(&self.db, blob))?.is_some();
            let error = |error| BackupError::Image { key: blob.to_owned(), error };
            if is_known && self.runtime.block_on(self.media.size(blob)).map_err(error)?.is_some() {
                listed.present += 1;
            }
        }
        Ok(listed)
    }

    fn store(&self, blob: &str, entry: Entry<'_>) -> Result<Outcome> {
        let Some(expected) = self.runtime.block_on(hash_of(&self.db, blob))? else {
            return Ok(Outcome::Rejected);
        };
        let error = |error| BackupError::Image { key: blob.to_owned(), error };
        // Bytes that cannot be read are replaced, too.
        let stored = self.runtime.block_on(self.media.read(blob, MAX_IMAGE));
        if let Ok(Some(stored)) = stored
            && sha256(&stored) == expected
        {
            return Ok(Outcome::Unchanged);
        }
        let mut bytes = Vec::new();
        entry.content.take(MAX_IMAGE).read_to_end(&mut bytes).map_err(error)?;
        if sha256(&bytes) != expected {
            return Ok(Outcome::Rejected);
        }
        self.runtime.block_on(self.media.put(blob, Bytes::from(bytes))).map_err(error)?;
        Ok(Outcome::Stored)
    }
}

/// Returns the number of images whose bytes are not in the storage, and the keys of the first ones.
pub async fn missing_images(db: &Db, media: &Blobs) -> Result<(u64, Vec<String>)> {
    let (mut count, mut examples, mut after) = (0, Vec::new(), String::new());
    loop {
        let originals = originals_after(db, &after).await?;
        let Some(last) = originals.last() else { return Ok((count, examples)) };
        after.clone_from(&last.key);
        for original in originals {
            let error = |error| BackupError::Image { key: original.key.clone(), error };
            if media.size(&original.blob).await.map_err(error)?.is_none() {
                count += 1;
                if examples.len() < 5 {
                    examples.push(original.key);
                }
            }
        }
    }
}
