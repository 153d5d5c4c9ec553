//! Backups of the database and of the images, and their restoration.
//!
//! A backup is an archive (`infra::archive`) with these entries: `backup.json`, the dump of the database, and the images
//! or a list of them. It contains no secret key: the secrets in the database remain sealed.
mod create;
pub mod restore;
mod scheduled;

use std::{io, path::PathBuf};

use sea_orm::DbErr;
use serde::{Deserialize, Serialize};

use crate::infra::archive::ArchiveError;

pub use create::{Backups, Summary};
pub use scheduled::scheduled_backups;

/// The version of the format of backups.
const FORMAT: u32 = 1;

/// The entry that describes the backup, as JSON. It is the first one.
const INFO: &str = "backup.json";

/// The entry with the dump of the database. It is the second one.
const DATABASE: &str = "database";

/// The entry with a list of the images in the format of `sha256sum`.
const IMAGE_LIST: &str = "media.sha256";

/// The prefix of the entries of images. The rest is the key of the blob.
const IMAGES: &str = "media/";

/// Maximum size of an image. Uploads are smaller.
const MAX_IMAGE: u64 = 64 * 1024 * 1024;

/// The description of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupInfo {
    format: u32,
    /// The version of the program that made the backup.
    program: String,
    /// The start of the backup, as a timestamp.
    pub created_at: String,
    /// The format of the dump.
    pub database: DatabaseKind,
    /// The latest migration of the database.
    pub schema: String,
    /// The id of the secret key that seals the secrets in the database.
    pub secret_key: Option<String>,
}

/// A database system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// A backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("the backup cannot be written: {0}")]
    Output(io::Error),
    #[error("the image {key} cannot be read or written: {error}")]
    Image { key: String, error: io::Error },
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error("{0}")]
    Rejected(String),
}

pub type Result<T> = std::result::Result<T, BackupError>;

/// Returns a function that adds the path of a file to an error.
fn file_error(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BackupError {
    move |error| BackupError::File { path: path.into(), error }
}
