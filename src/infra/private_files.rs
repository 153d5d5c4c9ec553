//! Files and folders that only the user of the process may access: the database, the secret key and the settings.
use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// The permissions of the group and of others.
const OTHERS: u32 = 0o077;

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

/// Takes the permissions of the group and of others away from a file or a folder, if it exists.
///
/// # Errors
///
/// The permissions cannot be changed. The message contains the command that changes them.
pub fn restrict(path: &Path) -> Result<(), String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(format!("cannot read the permissions of {}: {error}", path.display())),
    };
    let mode = metadata.permissions().mode();
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)).map_err(|error| {
        format!(
            "other users can access {0}, which contains secrets, and its permissions cannot be changed ({error}): \
             run chmod go= {0}",
            path.display()
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
            restrict(&file).unwrap();
            assert_eq!(mode(&file), restricted);
        }
        restrict(&folder.join("absent")).unwrap();
        assert!(write_new_file(&file, b"").is_err_and(|error| error.kind() == ErrorKind::AlreadyExists));
        fs::remove_dir_all(folder).unwrap();
    }
}
