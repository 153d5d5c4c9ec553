//! Files and folders that only the user of the process may access: the database, the secret key and the settings.
use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// All permissions of the group and of others.
const GROUP_AND_OTHERS: u32 = 0o077;

/// All permissions of others.
const OTHERS: u32 = 0o007;

/// The permission of the group and of others to create, replace and delete files in a folder.
const WRITE: u32 = 0o022;

/// Only the owner of a file in the folder can replace or delete it.
const STICKY: u32 = 0o1000;

/// Creates a file with mode 0600 if it does not exist.
pub fn create_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Creates a new file with mode 0600 and this content, and syncs it.
///
/// # Errors
///
/// [`ErrorKind::AlreadyExists`] if the file exists.
pub fn write_new_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Creates a folder with mode 0700, and its parents, if it does not exist.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A kind of file or folder, and the permissions that it must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Private {
    /// A file of the database: only its owner may access it.
    File,
    /// A file that an operator may provide: it may belong to another user and be readable through its group.
    ProvidedFile,
    /// A folder of files with secrets: only its owner may write in it.
    Folder,
}

impl Private {
    /// Returns the forbidden permissions.
    fn forbidden(self) -> u32 {
        match self {
            Private::File => GROUP_AND_OTHERS,
            Private::ProvidedFile => OTHERS,
            Private::Folder => WRITE,
        }
    }

    /// Returns the command that removes the forbidden permissions.
    fn command(self, path: &Path, mode: u32) -> String {
        format!("chmod {:o} {}", mode & 0o7777 & !self.forbidden(), path.display())
    }
}

/// Returns the mode of a file or folder if it has forbidden permissions. A missing one has none.
fn forbidden_mode(path: &Path, kind: Private) -> Result<Option<u32>, String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(format!("cannot read the permissions of {}: {error}", path.display())),
    };
    let mode = metadata.permissions().mode();
    let is_allowed = mode & kind.forbidden() == 0 || (metadata.is_dir() && mode & STICKY != 0);
    Ok((!is_allowed).then_some(mode))
}

/// Checks that a file or folder, if it exists, has no forbidden permissions.
///
/// # Errors
///
/// The message contains the command that removes the permissions.
pub fn check(path: &Path, kind: Private) -> Result<(), String> {
    match forbidden_mode(path, kind)? {
        Some(mode) => Err(format!(
            "other users can access {} (mode {:o}), which contains secrets: run {}",
            path.display(),
            mode & 0o7777,
            kind.command(path, mode)
        )),
        None => Ok(()),
    }
}

/// Removes the forbidden permissions of a file or folder, if it exists.
///
/// # Errors
///
/// The permissions cannot be changed. The message contains the command that changes them.
pub fn restrict(path: &Path, kind: Private) -> Result<(), String> {
    let Some(mode) = forbidden_mode(path, kind)? else { return Ok(()) };
    fs::set_permissions(path, Permissions::from_mode(mode & !kind.forbidden())).map_err(|error| {
        format!(
            "other users can access {}, which contains secrets, and its permissions cannot be changed ({error}): run {}",
            path.display(),
            kind.command(path, mode)
        )
    })?;
    tracing::warn!(path = %path.display(), "other users could access this path: its permissions are now restricted");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn restricts_files_and_folders() {
        let folder = std::env::temp_dir().join(format!("tenon-{}", uuid::Uuid::now_v7()));
        create_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let file = folder.join("tenon.db");
        create_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        for (wide, restricted) in [(0o644, 0o600), (0o777, 0o700), (0o640, 0o600), (0o400, 0o400)] {
            fs::set_permissions(&file, Permissions::from_mode(wide)).unwrap();
            assert_eq!(check(&file, Private::File).is_err(), wide != restricted, "{wide:o}");
            restrict(&file, Private::File).unwrap();
            assert_eq!(mode(&file), restricted);
        }
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        restrict(&file, Private::ProvidedFile).unwrap();
        assert_eq!(mode(&file), 0o640);
        restrict(&folder.join("absent"), Private::File).unwrap();
        for (wide, restricted) in [(0o775, 0o755), (0o777, 0o755), (0o750, 0o750), (0o1777, 0o777)] {
            fs::set_permissions(&folder, Permissions::from_mode(wide)).unwrap();
            restrict(&folder, Private::Folder).unwrap();
            assert_eq!(mode(&folder), restricted, "{wide:o}");
        }
        assert!(write_new_file(&file, b"").is_err_and(|error| error.kind() == ErrorKind::AlreadyExists));
        fs::remove_dir_all(folder).unwrap();
    }
}
