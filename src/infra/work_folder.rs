//! Private folders for the temporary files of a backup or a restore.
use std::{
    fs::{self, File, Metadata},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::private_files;

/// The names of the folders begin with this prefix.
const PREFIX: &str = ".tenon-work-";

/// Attempts to create a folder.
const ATTEMPTS: usize = 8;

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
        for _ in 0..ATTEMPTS {
            let path = parent.join(format!("{PREFIX}{}", Uuid::now_v7().simple()));
            private_files::create_folder(&path)?;
            // Another process may delete the folder before it is locked.
            let opened = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened?,
            };
            if let Some(lock) = lock_folder(opened, &path)? {
                let owner = lock.metadata()?.uid();
                let folder = WorkFolder { path, _lock: lock };
                delete_abandoned(parent, owner)?;
                return Ok(folder);
            }
        }
        Err(io::Error::other(format!("another process deletes new folders in {}", parent.display())))
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

/// Locks the opened folder `path`. Returns `None` if another process has deleted it.
fn lock_folder(lock: File, path: &Path) -> io::Result<Option<File>> {
    lock.lock()?;
    let locked = lock.metadata()?;
    let is_same = |at: Metadata| (at.dev(), at.ino()) == (locked.dev(), locked.ino());
    Ok(fs::symlink_metadata(path).is_ok_and(is_same).then_some(lock))
}

/// Deletes the folders of killed processes of the user `owner`. The names of other entries may be the same in a folder that
/// other users write to.
fn delete_abandoned(parent: &Path, owner: u32) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // Opening a pipe would wait for a writer.
        let is_own = |entry: Metadata| entry.is_dir() && entry.uid() == owner;
        if !fs::symlink_metadata(entry.path()).is_ok_and(is_own) {
            continue;
        }
        // Another process may delete the folder at the same time.
        let Ok(folder) = File::open(entry.path()) else { continue };
        if folder.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
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
    fn a_folder_that_another_process_deletes_before_the_lock_is_not_used() {
        let path = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
        fs::create_dir(&path).unwrap();
        let open = || File::open(&path).unwrap();
        let [deleted, replaced] = [open(), open()];
        fs::remove_dir(&path).unwrap();
        assert!(lock_folder(deleted, &path).unwrap().is_none());
        fs::create_dir(&path).unwrap();
        assert!(lock_folder(replaced, &path).unwrap().is_none());
        assert!(lock_folder(open(), &path).unwrap().is_some());
        fs::remove_dir(&path).unwrap();
    }

    #[test]
    fn ignores_entries_that_are_not_folders() {
        let parent = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
        let target = parent.join("target");
        fs::create_dir_all(&target).unwrap();
        let pipe = parent.join(format!("{PREFIX}pipe"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let link = parent.join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        drop(WorkFolder::create(&parent).unwrap());
        assert!(
            fs::symlink_metadata(&pipe).is_ok() && fs::symlink_metadata(&link).is_ok() && target.exists()
        );
        fs::remove_dir_all(parent).unwrap();
    }

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
