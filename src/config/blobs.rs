//! The storages of images and of scheduled backups that the settings describe.
use std::{io, path::PathBuf, time::Duration};

use super::Config;
use crate::infra::blobs::{Blobs, S3Config};

/// Shorter than the handler timeout (10 s), so that the client of a slow S3 service gets a response.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(8);

/// Enough for a part of 16 MiB on a slow connection.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(120);

impl Config {
    /// Returns the storage of images: the bucket if one is configured, otherwise the folder.
    pub fn media_store(&self) -> io::Result<Blobs> {
        match self.s3(&self.storage.s3_prefix.0, MEDIA_TIMEOUT) {
            Some(account) => Blobs::bucket(&account, &self.media_dir()),
            None => Ok(Blobs::folder(self.media_dir())),
        }
    }

    /// Returns the storage of scheduled backups.
    pub fn backup_store(&self) -> io::Result<Blobs> {
        let prefix = self.backup.backup_s3_prefix.as_ref();
        match prefix.and_then(|prefix| self.s3(&prefix.0, BACKUP_TIMEOUT)) {
            Some(account) => Blobs::bucket(&account, &self.media_dir()),
            None => Ok(Blobs::folder(self.backup_dir())),
        }
    }

    /// Checks that the folder of scheduled backups exists if it is configured. It is not created: the file system that it
    /// is on may not be mounted, and backups would fill another one.
    pub fn check_backup_dir(&self) -> Result<(), String> {
        let backup = &self.backup;
        let is_used = backup.backup_schedule.is_some() && backup.backup_s3_prefix.is_none();
        match backup.backup_dir.as_ref().filter(|folder| is_used && !folder.is_dir()) {
            None => Ok(()),
            Some(folder) => Err(format!(
                "backup_dir: must be an existing folder, got {}: create it, or mount its file system",
                folder.display()
            )),
        }
    }

    /// Returns the folder of scheduled backups.
    pub fn backup_dir(&self) -> PathBuf {
        self.backup.backup_dir.clone().unwrap_or_else(|| self.storage.data_dir.join("backups"))
    }

    fn s3(&self, prefix: &str, timeout: Duration) -> Option<S3Config> {
        let storage = &self.storage;
        let bucket = storage.s3_bucket.as_ref()?;
        Some(S3Config {
            endpoint: storage.s3_endpoint.as_ref().map_or_else(String::new, |endpoint| endpoint.0.clone()),
            region: storage.s3_region.clone(),
            bucket: bucket.0.clone(),
            access_key: storage.s3_access_key.clone().unwrap_or_default(),
            secret_key: storage.s3_secret_key.as_ref().map_or_else(String::new, |key| key.expose().clone()),
            prefix: prefix.to_owned(),
            virtual_host: storage.s3_virtual_host,
            proxy_variables: storage.s3_proxy_variables,
            timeout,
        })
    }
}
