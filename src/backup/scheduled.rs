//! Scheduled backups and their retention.
use std::sync::Arc;

use super::{BackupError, Result, create::new_file, file_error};
use crate::{
    domain::timestamp::Timestamp,
    infra::{blobs::Blobs, work_folder::WorkFolder},
};

const PREFIX: &str = "tenon-";
const SUFFIX: &str = ".tar";

impl super::Backups {
    /// Makes a backup in the folder or in the bucket of scheduled backups, then deletes the oldest ones. Returns the name of
    /// the backup, or `None` if backups are not scheduled.
    pub async fn run_scheduled(&self) -> Result<Option<String>> {
        if self.interval().is_none() {
            return Ok(None);
        }
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
        delete_oldest(&store, self.config.backup.backup_keep.0).await?;
        Ok(Some(name))
    }
}

/// Returns the name of a backup. Names are sorted by time.
fn name(now: i64) -> String {
    let time = Timestamp(now).to_string();
    let time = time.get(..19).unwrap_or(&time).replace(':', "").to_lowercase();
    format!("{PREFIX}{time}z{SUFFIX}")
}

/// Returns the keys of scheduled backups in a storage, the newest first.
pub async fn scheduled_backups(store: &Blobs) -> std::io::Result<Vec<String>> {
    let is_backup = |key: &String| {
        let time = key.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        time.is_some_and(|time| {
            let digits = time.bytes().filter(u8::is_ascii_digit).count();
            time.len() == "2026-11-29t100526z".len() && digits == 14
        })
    };
    let entries = store.list("").await?;
    let mut keys: Vec<String> = entries.into_iter().map(|entry| entry.key).filter(is_backup).collect();
    keys.sort_by(|one, other| other.cmp(one));
    Ok(keys)
}

async fn delete_oldest(store: &Blobs, keep: usize) -> Result<()> {
    for key in scheduled_backups(store).await.map_err(BackupError::Output)?.iter().skip(keep) {
        store.remove(key).await.map_err(BackupError::Output)?;
    }
    Ok(())
}
