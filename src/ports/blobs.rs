//! Where the bytes of media are kept: in a folder, or in a bucket of an S3 service. Whoever keeps them chooses
//! their keys; nothing that a client says becomes part of one.
mod bucket;
mod folder;
mod scratch;

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};

pub use bucket::Account;
use bucket::Bucket;
use folder::Folder;
pub use scratch::{Loose, Scratch};

/// Bytes while they are read, in pieces that a slow reader may keep waiting.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

/// The bytes under a key, or a part of them.
pub struct Blob {
    /// All bytes under the key.
    pub size: u64,
    pub pieces: Pieces,
}

/// A key that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub size: u64,
    /// When it was written, in milliseconds since 1970.
    pub written_at: i64,
}

/// Bytes under a key as a file of this machine, for whoever must jump back and forth in them.
pub enum Local {
    Kept(PathBuf),
    Fetched(Loose),
}

impl Local {
    pub fn path(&self) -> &Path {
        match self {
            Local::Kept(path) => path,
            Local::Fetched(file) => file.path(),
        }
    }
}

/// The bytes of all media.
#[derive(Clone)]
pub struct Blobs {
    place: Place,
    scratch: Scratch,
}

#[derive(Clone)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

impl Blobs {
    /// In this folder.
    pub fn folder(folder: PathBuf) -> Self {
        let scratch = Scratch::new(folder.join("incoming"));
        Blobs { place: Place::Folder(Folder::new(folder)), scratch }
    }

    /// In a bucket; the folder is for what is on its way.
    pub fn bucket(account: &Account, folder: &Path) -> io::Result<Self> {
        let scratch = Scratch::new(folder.join("incoming"));
        Ok(Blobs { place: Place::Bucket(Bucket::new(account)?), scratch })
    }

    /// The files of what is on its way.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Keeps bytes under a key: when this ends they are there for good, and nobody ever sees half of them.
    pub async fn put(&self, key: &str, bytes: Bytes) -> io::Result<()> {
        match &self.place {
            Place::Folder(folder) => folder.put(&self.scratch, fit(key)?, bytes).await,
            Place::Bucket(bucket) => bucket.put(fit(key)?, bytes).await,
        }
    }

    /// How many bytes there are under a key, if it is there.
    pub async fn size(&self, key: &str) -> io::Result<Option<u64>> {
        let found = match &self.place {
            Place::Folder(folder) => folder.size(fit(key)?).await,
            Place::Bucket(bucket) => bucket.size(fit(key)?).await,
        };
        there(found)
    }

    /// The bytes under a key, or those of a range that lies within them.
    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> io::Result<Option<Blob>> {
        let found = match &self.place {
            Place::Folder(folder) => folder.get(fit(key)?, range).await,
            Place::Bucket(bucket) => bucket.get(fit(key)?, range).await,
        };
        there(found)
    }

    /// The bytes under a key as a file.
    pub async fn local(&self, key: &str) -> io::Result<Option<Local>> {
        match &self.place {
            Place::Folder(folder) => there(folder.file(fit(key)?).await).map(|file| file.map(Local::Kept)),
            Place::Bucket(_) => {
                let Some(mut blob) = self.get(key, None).await? else { return Ok(None) };
                let mut file = self.scratch.file().await?;
                while let Some(piece) = blob.pieces.next().await {
                    file.write(&piece?).await?;
                }
                file.flush().await?;
                Ok(Some(Local::Fetched(file)))
            }
        }
    }

    /// The keys that lie below another, as in `a/b` below `a`.
    pub async fn below(&self, key: &str) -> io::Result<Vec<Entry>> {
        let found = match &self.place {
            Place::Folder(folder) => folder.below(fit(key)?).await,
            Place::Bucket(bucket) => bucket.below(fit(key)?).await,
        };
        there(found).map(Option::unwrap_or_default)
    }

    /// Takes a key away; that it is not there is no failure.
    pub async fn remove(&self, key: &str) -> io::Result<()> {
        let done = match &self.place {
            Place::Folder(folder) => folder.remove(fit(key)?).await,
            Place::Bucket(bucket) => bucket.remove(fit(key)?).await,
        };
        there(done).map(|_| ())
    }
}

fn there<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Keys are made by us; one that is not of their form would lead out of the folder.
fn fit(key: &str) -> io::Result<&str> {
    let plain = |part: &str| {
        let letters =
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b));
        letters && !part.is_empty() && !part.starts_with('.')
    };
    match key.split('/').all(plain) && key.len() <= 200 {
        true => Ok(key),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "this is no key of a blob")),
    }
}

#[cfg(test)]
mod tests;
