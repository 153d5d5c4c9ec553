//! The file of the secret keys: one key per line, the first one seals.
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{SealError, SecretKeys};
use crate::infra::private_files;

/// The key file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: must contain one or more lines of 32 bytes in base64 or in hexadecimal digits", .0.display())]
    Invalid(PathBuf),
    #[error(transparent)]
    Generate(#[from] SealError),
}

impl KeyFileError {
    /// Returns whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, KeyFileError::Io { error, .. } if error.kind() == io::ErrorKind::NotFound)
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> KeyFileError {
    move |error| KeyFileError::Io { path: path.to_owned(), error }
}

/// Reads the keys of a file.
pub fn read_key_file(path: &Path) -> Result<SecretKeys, KeyFileError> {
    let text = fs::read_to_string(path).map_err(io_error(path))?;
    SecretKeys::parse(&text).ok_or_else(|| KeyFileError::Invalid(path.to_owned()))
}

/// Creates a file with a new key. If another process creates it at the same time, returns the key of that process.
pub fn create_key_file(path: &Path) -> Result<SecretKeys, KeyFileError> {
    let temporary = write_temporary(path, &SecretKeys::generate()?)?;
    // Unlike a rename, a link does not replace an existing file.
    let linked = fs::hard_link(&temporary, path);
    let _ = fs::remove_file(&temporary);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io_error(path)(error)),
        _ => sync_folder(path).and_then(|()| read_key_file(path)),
    }
}

/// Locks the folder of a key file until the returned value is dropped, so that one process at a time replaces the keys.
pub fn lock_key_file(path: &Path) -> Result<File, KeyFileError> {
    let folder = folder(path);
    let open = || {
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    };
    open().map_err(io_error(folder))
}

/// Replaces the keys of a file. It keeps its owner, which may not be the user of this process.
pub fn write_key_file(path: &Path, keys: &SecretKeys) -> Result<(), KeyFileError> {
    let temporary = write_temporary(path, keys)?;
    let replace = || {
        let current = fs::metadata(path)?;
        chown(&temporary, Some(current.uid()), Some(current.gid()))?;
        fs::set_permissions(&temporary, current.permissions())?;
        fs::rename(&temporary, path)
    };
    if let Err(error) = replace() {
        let _ = fs::remove_file(&temporary);
        return Err(io_error(path)(error));
    }
    sync_folder(path)
}

fn write_temporary(path: &Path, keys: &SecretKeys) -> Result<PathBuf, KeyFileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_files::create_folder(folder).map_err(io_error(folder))?;
    }
    let temporary = path.with_extension(Uuid::now_v7().simple().to_string());
    private_files::write_new_file(&temporary, keys.to_file().expose().as_bytes())
        .map_err(io_error(&temporary))?;
    Ok(temporary)
}

/// Makes the entry of the file in its folder durable.
fn sync_folder(path: &Path) -> Result<(), KeyFileError> {
    let folder = folder(path);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error(folder))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
