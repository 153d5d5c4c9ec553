//! Scheduled backups and their retention.
use std::{io, sync::Arc, time::Duration};

use tokio::time::timeout;

use super::{BackupError, Result, create::new_file, file_error};
use crate::{
    domain::timestamp::Timestamp,
    infra::{
        blobs::{BlobEntry, Blobs},
        work_folder::WorkFolder,
    },
};

const PREFIX: &str = "tenon-";
const SUFFIX: &str = ".tar";

/// Time limit of the list of the backups at the start, which waits for it.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

impl super::Backups {
    /// Returns whether the folder or the bucket of scheduled backups contains none. False if it cannot be listed in time.
    pub async fn is_destination_empty(&self) -> bool {
        let list = async { scheduled_backups(&self.config.backup_store()?).await };
        match timeout(LIST_TIMEOUT, list).await.map_err(io::Error::from).flatten() {
            Ok(backups) => backups.is_empty(),
            Err(error) => {
                tracing::warn!(%error, "the scheduled backups cannot be listed: check the settings backup_… and s3_…");
                false
            }
        }
    }

    /// Makes a backup in the folder or in the bucket of scheduled backups, then deletes the oldest ones. Returns the name of
    /// the backup, or `None` if backups are not scheduled.
    pub async fn run_scheduled(&self) -> Result<Option<String>> {
        if self.interval().is_none() {
            return Ok(None);
        }
        self.config.check_backup_dir().map_err(BackupError::Rejected)?;
        let store = self.config.backup_store().map_err(BackupError::Output)?;
        // In the folder of the backups if there is one, so that the file can be moved.
        let parent = match self.config.backup.backup_s3_prefix {
            Some(_) => self.work_parent(),
            None => self.config.backup_dir(),
        };
        let work = Arc::new(WorkFolder::create(&parent).map_err(file_error(parent))?);
        let name = name(self.clock.now());
        let media = self.config.backup.backup_media;
        let (_, summary) = self.write(new_file(work.file("archive"))?, work.clone(), media).await?;
        if summary.damaged_images > 0 {
            tracing::warn!(
                images = summary.damaged_images,
                examples = summary.damaged_examples.join(", "),
                "the backup lacks images: run tenon doctor"
            );
        }
        store.put_file(&name, &work.file("archive")).await.map_err(BackupError::Output)?;
        // The backup is complete: a repetition of the job would only make another one.
        if let Err(error) = delete_oldest(&store, self.config.backup.backup_keep.0, &name).await {
            tracing::warn!(%error, "old backups cannot be deleted: delete them, or restore the permission");
        }
        Ok(Some(name))
    }
}

/// Returns the name of a backup. It contains the time.
fn name(now: i64) -> String {
    let time = Timestamp(now).to_string();
    let time = time.get(..19).unwrap_or(&time).replace(':', "").to_lowercase();
    format!("{PREFIX}{time}z{SUFFIX}")
}

/// Returns the scheduled backups in a storage, the last written first. Their names are not compared first, because the clock
/// may have been wrong.
pub async fn scheduled_backups(store: &Blobs) -> io::Result<Vec<BlobEntry>> {
    let is_backup = |entry: &BlobEntry| {
        let time = entry.key.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        time.is_some_and(|time| {
            let digits = time.bytes().filter(u8::is_ascii_digit).count();
            time.len() == "2026-11-29t100526z".len() && digits == 14
        })
    };
    let mut backups = store.list("").await?;
    backups.retain(is_backup);
    backups.sort_by(|one, other| (other.written_at, &other.key).cmp(&(one.written_at, &one.key)));
    Ok(backups)
}

/// Deletes the oldest backups, so that `newest` and `keep - 1` others remain. Returns the first error after it has tried to
/// delete each of them.
async fn delete_oldest(store: &Blobs, keep: usize, newest: &str) -> io::Result<()> {
    let mut result = Ok(());
    let others = scheduled_backups(store).await?.into_iter().filter(|backup| backup.key != newest);
    for backup in others.skip(keep.saturating_sub(1)) {
        let deleted = store.remove(&backup.key).await;
        result = result
            .and(deleted.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", backup.key))));
    }
    result
}
