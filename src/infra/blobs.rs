//! Blob storage for media: a local folder or an S3 bucket. The service chooses the keys; they never contain
//! client input.
mod bucket;
mod folder;
mod temp_files;

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};

use bucket::Bucket;
pub use bucket::S3Config;
use folder::Folder;
pub use temp_files::{TempDir, TempFile};

/// A stream of bytes, read on demand.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// The content of a blob, or a range of it.
pub struct Blob {
    /// Size of the whole blob in bytes.
    pub size: u64,
    pub chunks: ByteStream,
}

/// A stored blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobEntry {
    pub key: String,
    pub size: u64,
    /// Modification time, in milliseconds since 1970.
    pub written_at: i64,
}

/// A blob as a local file, for decoders that need random access.
pub enum LocalFile {
    Stored(PathBuf),
    Downloaded(TempFile),
}

impl LocalFile {
    pub fn path(&self) -> &Path {
        match self {
            LocalFile::Stored(path) => path,
            LocalFile::Downloaded(file) => file.path(),
        }
    }
}

/// The blob storage. Clones share the backend.
#[derive(Clone)]
pub struct Blobs {
    backend: Backend,
    temp_dir: TempDir,
}

#[derive(Clone)]
enum Backend {
    Folder(Folder),
    Bucket(Bucket),
}

impl Blobs {
    /// Creates a storage in a folder.
    pub fn folder(folder: PathBuf) -> Self {
        let temp_dir = TempDir::new(folder.join("incoming"));
        Blobs { backend: Backend::Folder(Folder::new(folder)), temp_dir }
    }

    /// Creates a storage in a bucket. The folder only stores uploads in progress.
    pub fn bucket(account: &S3Config, folder: &Path) -> io::Result<Self> {
        let temp_dir = TempDir::new(folder.join("incoming"));
        Ok(Blobs { backend: Backend::Bucket(Bucket::new(account)?), temp_dir })
    }

    /// Returns the folder of temporary files.
    pub fn temp_dir(&self) -> &TempDir {
        &self.temp_dir
    }

    /// Stores a blob. When this returns it is durable, and readers never see a part of it.
    pub async fn put(&self, key: &str, bytes: Bytes) -> io::Result<()> {
        match &self.backend {
            Backend::Folder(folder) => folder.put(&self.temp_dir, check_key(key)?, bytes).await,
            Backend::Bucket(bucket) => bucket.put(check_key(key)?, bytes).await,
        }
    }

    /// Stores a local file as a blob, and moves the file if the storage is a folder of the same file system. A file of any
    /// size is sent in parts. When this returns it is durable, and readers never see a part of it.
    pub async fn put_file(&self, key: &str, file: &Path) -> io::Result<()> {
        match &self.backend {
            Backend::Folder(folder) => folder.put_file(check_key(key)?, file).await,
            Backend::Bucket(bucket) => bucket.put_file(check_key(key)?, file).await,
        }
    }

    /// Returns the size of a blob, or `None` if it does not exist.
    pub async fn size(&self, key: &str) -> io::Result<Option<u64>> {
        let found = match &self.backend {
            Backend::Folder(folder) => folder.size(check_key(key)?).await,
            Backend::Bucket(bucket) => bucket.size(check_key(key)?).await,
        };
        none_if_missing(found)
    }

    /// Returns a blob or a range of it, or `None` if it does not exist. The range must lie within the blob.
    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Option<Blob>> {
        let found = match &self.backend {
            Backend::Folder(folder) => folder.get(check_key(key)?, range).await,
            Backend::Bucket(bucket) => bucket.get(check_key(key)?, range).await,
        };
        none_if_missing(found)
    }

    /// Returns the content of a blob, or `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Also if it has more than `max` bytes.
    pub async fn read(&self, key: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(mut blob) = self.get(key, None).await? else { return Ok(None) };
        let mut content = Vec::new();
        while let Some(chunk) = blob.chunks.next().await {
            content.extend_from_slice(&chunk?);
            if content.len() as u64 > max {
                return Err(io::Error::other(format!(
                    "{key}: must be at most {max} bytes, got {}",
                    blob.size
                )));
            }
        }
        Ok(Some(content))
    }

    /// Returns a blob as a local file; a bucket blob is downloaded to a temporary file.
    pub async fn local_file(&self, key: &str) -> io::Result<Option<LocalFile>> {
        match &self.backend {
            Backend::Folder(folder) => {
                none_if_missing(folder.file(check_key(key)?).await).map(|file| file.map(LocalFile::Stored))
            }
            Backend::Bucket(_) => {
                let Some(mut blob) = self.get(key, None).await? else { return Ok(None) };
                let mut file = self.temp_dir.create_file().await?;
                while let Some(chunk) = blob.chunks.next().await {
                    file.write(&chunk?).await?;
                }
                file.flush_and_rewind().await?;
                Ok(Some(LocalFile::Downloaded(file)))
            }
        }
    }

    /// Lists the blobs in a folder, such as `a/b` in `a`. The folder may be empty, for blobs such as `a`.
    pub async fn list(&self, key: &str) -> io::Result<Vec<BlobEntry>> {
        let key = if key.is_empty() { key } else { check_key(key)? };
        let found = match &self.backend {
            Backend::Folder(folder) => folder.list(key).await,
            Backend::Bucket(bucket) => bucket.list(key).await,
        };
        none_if_missing(found).map(Option::unwrap_or_default)
    }

    /// Lists the names of the folders in a folder, such as `b` of the blob `a/b/c` in `a`.
    pub async fn folders(&self, key: &str) -> io::Result<Vec<String>> {
        let found = match &self.backend {
            Backend::Folder(folder) => folder.folders(check_key(key)?).await,
            Backend::Bucket(bucket) => bucket.folders(check_key(key)?).await,
        };
        none_if_missing(found).map(Option::unwrap_or_default)
    }

    /// Deletes a blob. A missing blob is not an error.
    pub async fn remove(&self, key: &str) -> io::Result<()> {
        let done = match &self.backend {
            Backend::Folder(folder) => folder.remove(check_key(key)?).await,
            Backend::Bucket(bucket) => bucket.remove(check_key(key)?).await,
        };
        none_if_missing(done).map(|_| ())
    }
}

/// Converts a not-found error to `None`.
fn none_if_missing<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Validates a key. Keys come from the service, but a malformed one could leave the folder (path traversal).
fn check_key(key: &str) -> io::Result<&str> {
    let is_valid_part = |part: &str| {
        let valid_chars =
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
        valid_chars && !part.is_empty() && !part.starts_with('.')
    };
    match key.split('/').all(is_valid_part) && key.len() <= 200 {
        true => Ok(key),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid blob key")),
    }
}

/// Returns the key of a blob in a folder, which may be empty.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests;
