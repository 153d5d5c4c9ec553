//! Private folders for the temporary files of a backup or a restore.
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::private_files;

/// The names of the folders begin with this prefix.
const PREFIX: &str = ".tenon-work-";

/// A folder with mode 0700, deleted on drop. It is locked while its process lives, so that the folder of a killed process
/// can be recognized and deleted.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

impl WorkFolder {
    /// Creates a folder in `parent`, and deletes the folders of killed processes there. Creates `parent` with mode 0700 if
    /// it does not exist.
    pub fn create(parent: &Path) -> io::Result<Self> {
        private_files::create_folder(parent)?;
        delete_abandoned(parent)?;
        let path = parent.join(format!("{PREFIX}{}", Uuid::now_v7().simple()));
        private_files::create_folder(&path)?;
        let lock = File::open(&path)?;
        lock.lock()?;
        Ok(WorkFolder { path, _lock: lock })
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn delete_abandoned(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Another process may delete the folder at the same time.
        let Ok(folder) = File::open(entry.path()) else { continue };
        match folder.try_lock() {
            // Of another user, it is deleted by that user.
            Ok(()) => drop(fs::remove_dir_all(entry.path())),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Replaces the file `to` with the file `from` of the same file system: after a crash, `to` is the old file or the complete
/// new one.
pub fn replace_file(from: &Path, to: &Path) -> io::Result<()> {
    File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_folder_of(to)
}

/// Makes the entry of a file in its folder durable.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

/// Returns the folder of a file: the current folder for a file name.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_the_folders_of_killed_processes_only() {
        let parent = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
        let running = WorkFolder::create(&parent).unwrap();
        fs::write(running.file("database"), "running").unwrap();
        let killed = parent.join(format!("{PREFIX}killed"));
        fs::create_dir(&killed).unwrap();
        fs::write(killed.join("database"), "killed").unwrap();
        fs::write(parent.join("other"), "").unwrap();
        let second = WorkFolder::create(&parent).unwrap();
        assert!(running.file("database").exists() && !killed.exists() && parent.join("other").exists());
        drop((running, second));
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 1, "the folders were deleted on drop");
        fs::remove_dir_all(parent).unwrap();
    }
}
