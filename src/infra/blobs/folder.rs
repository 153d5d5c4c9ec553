//! Blobs in a local folder. A blob is written to a temporary file, synced, and renamed, so it appears
//! atomically.
use std::{
    fs, io,
    ops::Range,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};

use super::{
    Blob, BlobEntry, join,
    temp_files::{TempDir, run_blocking},
};
use crate::infra::work_folder::{folder_of, replace_file};

/// Bytes per read.
const CHUNK_SIZE: usize = 64 * 1024;

#[derive(Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(folder: PathBuf) -> Self {
        Folder(folder)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    pub async fn put(&self, temp_dir: &TempDir, key: &str, bytes: Bytes) -> io::Result<()> {
        let mut file = temp_dir.create_file().await?;
        file.write(&bytes).await?;
        file.sync().await?;
        let (root, path) = (self.0.clone(), self.path(key));
        run_blocking(move || {
            let folder = path.parent().unwrap_or(&root);
            rename_into_folder(file.path(), &path, || create_folders(&root, folder))?;
            fs::File::open(folder)?.sync_all()
        })
        .await
    }

    pub async fn put_file(&self, key: &str, file: &Path) -> io::Result<()> {
        let (root, path, file) = (self.0.clone(), self.path(key), file.to_owned());
        run_blocking(move || {
            create_folders(&root, folder_of(&path))?;
            replace_file(&file, &path)
        })
        .await
    }

    pub async fn size(&self, key: &str) -> io::Result<u64> {
        Ok(tokio::fs::metadata(self.path(key)).await?.len())
    }

    pub async fn file(&self, key: &str) -> io::Result<PathBuf> {
        let path = self.path(key);
        tokio::fs::metadata(&path).await?;
        Ok(path)
    }

    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Blob> {
        let mut file = File::open(self.path(key)).await?;
        let size = file.metadata().await?.len();
        let Range { start, end } = range.unwrap_or(0..size);
        if start > 0 {
            file.seek(io::SeekFrom::Start(start)).await?;
        }
        let remaining = end.min(size).saturating_sub(start);
        Ok(Blob { size, chunks: stream::try_unfold((file, remaining), read_chunk).boxed() })
    }

    pub async fn list(&self, key: &str) -> io::Result<Vec<BlobEntry>> {
        let (folder, key) = (self.path(key), key.to_owned());
        run_blocking(move || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let metadata = match entry.metadata() {
                    // Deleted since the directory was read.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    metadata => metadata?,
                };
                let Ok(name) = entry.file_name().into_string() else { continue };
                let written = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                let written_at = i64::try_from(written.as_millis()).unwrap_or(i64::MAX);
                entries.push(BlobEntry { key: join(&key, &name), size: metadata.len(), written_at });
            }
            Ok(entries)
        })
        .await
    }

    pub async fn folders(&self, key: &str) -> io::Result<Vec<String>> {
        let folder = self.path(key);
        run_blocking(move || {
            let mut names = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    names.extend(entry.file_name().into_string());
                }
            }
            Ok(names)
        })
        .await
    }

    pub async fn remove(&self, key: &str) -> io::Result<()> {
        let (root, path) = (self.0.clone(), self.path(key));
        run_blocking(move || {
            fs::remove_file(&path)?;
            // `remove_dir` fails if the folder still contains other blobs.
            if let Some(folder) = path.parent().filter(|folder| *folder != root) {
                let _ = fs::remove_dir(folder);
            }
            Ok(())
        })
        .await
    }
}

/// Attempts to rename a file into a new folder.
const RENAME_ATTEMPTS: usize = 8;

/// Creates the folder of `to` with `create_folder`, and renames `from` to `to`. A concurrent
/// [`Folder::remove`] can delete the empty folder in between; then both steps are repeated.
fn rename_into_folder(from: &Path, to: &Path, create_folder: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let attempt = || create_folder().and_then(|()| fs::rename(from, to));
    let mut result = attempt();
    for _ in 1..RENAME_ATTEMPTS {
        match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => result = attempt(),
            _ => break,
        }
    }
    result
}

/// Creates the folders from `root` to `folder`, and syncs their parents: after a power failure, a synced file
/// is lost if its directory entry was not synced.
fn create_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let parents = folder.ancestors().skip(1).take_while(|parents| parents.starts_with(root));
    for parent in parents.chain(root.parent().filter(|parents| !parents.as_os_str().is_empty())) {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

async fn read_chunk((mut file, remaining): (File, u64)) -> io::Result<Option<(Bytes, (File, u64))>> {
    if remaining == 0 {
        return Ok(None);
    }
    let mut bytes = vec![0; CHUNK_SIZE.min(usize::try_from(remaining).unwrap_or(CHUNK_SIZE))];
    let read = file.read(&mut bytes).await?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(read);
    Ok(Some((bytes.into(), (file, remaining - read as u64))))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use uuid::Uuid;

    use super::*;

    /// Renames a file into a folder that is removed after each of its first `removals` creations. Returns the
    /// result and the number of creations.
    fn rename_with_removals(removals: usize) -> (io::Result<()>, usize) {
        let root = std::env::temp_dir().join(format!("tenon-folder-{}", Uuid::now_v7()));
        fs::create_dir(&root).expect("a folder");
        let (from, folder) = (root.join("incoming"), root.join("ab/abc"));
        fs::write(&from, b"blob").expect("a file");
        let created = Cell::new(0);
        let result = rename_into_folder(&from, &folder.join("v.webp"), || {
            create_folders(&root, &folder)?;
            created.set(created.get() + 1);
            if created.get() <= removals { fs::remove_dir(&folder) } else { Ok(()) }
        });
        assert_eq!(fs::read(folder.join("v.webp")).is_ok_and(|bytes| bytes == b"blob"), result.is_ok());
        let _ = fs::remove_dir_all(&root);
        (result, created.get())
    }

    #[test]
    fn creates_a_concurrently_removed_folder_again() {
        for removals in [0, 1, RENAME_ATTEMPTS - 1] {
            let (result, created) = rename_with_removals(removals);
            assert!(result.is_ok(), "{result:?}");
            assert_eq!(created, removals + 1);
        }
    }

    #[test]
    fn limits_the_attempts_to_rename() {
        let (result, created) = rename_with_removals(usize::MAX);
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
        assert_eq!(created, RENAME_ATTEMPTS);
    }
}
