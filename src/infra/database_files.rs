//! Moves the files of a SQLite database: the database, its logs, and the index of the write-ahead log.
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::{private_files, work_folder::sync_folder_of};

/// The database is first when it is reported, and last when it is moved: no process opens the other files without it.
const SUFFIXES: [&str; 4] = ["", "-journal", "-wal", "-shm"];

/// Returns the path of a file of a database.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the existing files of the database `path`, the database first. Logs may exist without it: SQLite would copy their
/// content into another database at this path.
pub fn existing_files(path: &Path) -> Vec<PathBuf> {
    let files = SUFFIXES.iter().map(|suffix| with_suffix(path, suffix));
    files.filter(|file| fs::symlink_metadata(file).is_ok()).collect()
}

/// The files of a database that were moved to another folder.
#[derive(Debug)]
pub struct MovedFiles {
    folder: PathBuf,
    /// The previous and the new path of each file, in the order in which they were moved.
    files: Vec<(PathBuf, PathBuf)>,
}

impl MovedFiles {
    /// Moves the files of the database `path` to the new folder `folder` of the same file system. After an error, it moves
    /// those that were moved back.
    pub fn move_to(path: &Path, folder: PathBuf) -> io::Result<Self> {
        private_files::create_folder(&folder)?;
        let mut moved = MovedFiles { folder, files: Vec::new() };
        for file in existing_files(path).into_iter().rev() {
            let to = moved.folder.join(file.file_name().unwrap_or_default());
            if let Err(error) = fs::rename(&file, &to) {
                return Err(moved.undo().err().unwrap_or(error));
            }
            moved.files.push((file, to));
        }
        sync_folder_of(path)?;
        Ok(moved)
    }

    /// Returns the new folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the files back, and deletes the folder.
    ///
    /// # Errors
    ///
    /// Another process has created one of the files. All files remain in the folder then.
    pub fn undo(self) -> io::Result<()> {
        if let Some((file, _)) = self.files.iter().find(|(file, _)| fs::symlink_metadata(file).is_ok()) {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} exists", file.display())));
        }
        for (file, moved) in &self.files {
            fs::rename(moved, file)?;
            sync_folder_of(file)?;
        }
        fs::remove_dir(self.folder)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn moves_all_files_and_moves_them_back() {
        let root = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
        fs::create_dir(&root).unwrap();
        let (path, folder) = (root.join("tenon.db"), root.join("before"));
        let names = ["tenon.db-wal", "tenon.db-journal", "tenon.db-shm"];
        for name in names {
            fs::write(root.join(name), name).unwrap();
        }
        fs::write(root.join("tenon.db2"), "other").unwrap();
        assert_eq!(existing_files(&path).len(), 3, "without the database");
        MovedFiles::move_to(&path, folder.clone()).unwrap().undo().unwrap();
        assert!(!folder.exists() && existing_files(&path).len() == 3);
        fs::write(&path, "database").unwrap();
        assert_eq!(existing_files(&path)[0], path);
        let moved = MovedFiles::move_to(&path, folder.clone()).unwrap();
        assert!(existing_files(&path).is_empty() && existing_files(&folder.join("tenon.db")).len() == 4);
        fs::write(&path, "of another process").unwrap();
        assert_eq!(moved.undo().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"of another process");
        assert_eq!(fs::read(folder.join("tenon.db-wal")).unwrap(), b"tenon.db-wal");
        assert!(root.join("tenon.db2").exists());
        fs::remove_dir_all(root).unwrap();
    }
}
