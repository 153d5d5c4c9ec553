//! Checks of permissions, free space and scheduled backups.
use std::fs;

use super::Check;
use crate::{
    backup::scheduled_backups as list_backups,
    config::Config,
    infra::{
        clock::Clock,
        db::sqlite_path,
        disk::free_bytes,
        private_files::{self, Private},
        work_folder::folder_of,
    },
    resources::health::DataFolder,
};

/// Free bytes that the service needs in any case, for the write-ahead log and for uploads.
const MIN_FREE: u64 = 256 * 1024 * 1024;

pub fn permissions(config: &Config) -> Check {
    let key_file = config.secret_key_file();
    let mut paths =
        vec![(config.storage.data_dir.clone(), Private::Folder), (key_file, Private::ProvidedFile)];
    paths.extend(config.file_with_secrets().map(|file| (file.to_owned(), Private::ProvidedFile)));
    let url = config.database_url();
    if let Some(database) = sqlite_path(&url) {
        let file = |suffix| (format!("{}{suffix}", database.display()).into(), Private::File);
        paths.extend(["", "-wal", "-shm"].map(file));
    }
    let problems: Vec<String> =
        paths.iter().filter_map(|(path, kind)| private_files::check(path, *kind).err()).collect();
    match problems.is_empty() {
        true => Ok(format!("{} paths are private", paths.len())),
        false => Err(problems),
    }
}

/// A backup and a migration need as much space as the database. The readiness check requires `min_free_space` in `data_dir`.
pub async fn free_space(config: &Config) -> Check {
    let data = DataFolder::new(&config.storage);
    if !data.has_free_space().await {
        return Err(vec![format!(
            "{} has less than min_free_space, {} MiB, so /readyz responds 503: delete files or enlarge the file system",
            data.path.display(),
            data.min_free_space.div_ceil(1 << 20)
        )]);
    }
    let url = config.database_url();
    let database = sqlite_path(&url);
    let folder = database.map_or(config.storage.data_dir.as_path(), folder_of);
    let size = database.and_then(|file| fs::metadata(file).ok()).map_or(0, |file| file.len());
    let needed = size.max(MIN_FREE);
    match free_bytes(folder) {
        Ok(free) if free >= needed => Ok(format!("{} MiB in {}", free >> 20, folder.display())),
        Ok(free) => Err(vec![format!(
            "{} has {} MiB, but a backup needs {} MiB: delete files or enlarge the file system",
            folder.display(),
            free >> 20,
            needed >> 20
        )]),
        Err(error) => Err(vec![format!("{}: {error}: check --data-dir", folder.display())]),
    }
}

/// The newest scheduled backup must not be older than two intervals.
pub async fn scheduled_backups(config: &Config) -> Check {
    let Some(interval) = config.backup.backup_schedule else {
        return Ok("none, because backup_schedule is not set".to_owned());
    };
    let failed = |error: std::io::Error| vec![format!("{error}: check the settings backup_… and s3_…")];
    config.check_backup_dir().map_err(|problem| vec![problem])?;
    let store = config.backup_store().map_err(failed)?;
    let backups = list_backups(&store).await.map_err(failed)?;
    let Some(backup) = backups.first() else {
        return Err(vec![
            "there is none: restart the service, which makes one at its start, and read its log".to_owned(),
        ]);
    };
    let age = (Clock::System.now() - backup.written_at).max(0).unsigned_abs() / 60_000;
    match age <= 2 * interval.0.as_secs() / 60 {
        true => Ok(format!("{} is {age} minutes old", backup.key)),
        false => Err(vec![format!(
            "the newest one, {}, is {age} minutes old: read the log of the service, or GET /api/jobs?kind=service.backup",
            backup.key
        )]),
    }
}
