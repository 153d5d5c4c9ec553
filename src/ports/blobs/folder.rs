//! Bytes in a folder of this machine: written beside, made durable, and moved into place at once.
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
    Blob, Entry,
    scratch::{Scratch, apart},
};

/// Bytes read at once.
const PIECE: usize = 64 * 1024;

#[derive(Clone)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(folder: PathBuf) -> Self {
        Folder(folder)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.0.join(key)
    }

    pub async fn put(&self, scratch: &Scratch, key: &str, bytes: Bytes) -> io::Result<()> {
        let mut file = scratch.file().await?;
        file.write(&bytes).await?;
        file.sync().await?;
        let (root, place) = (self.0.clone(), self.path(key));
        apart(move || {
            let folder = place.parent().unwrap_or(&root);
            folders(&root, folder)?;
            fs::rename(file.path(), &place)?;
            fs::File::open(folder)?.sync_all()
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
        let left = end.min(size).saturating_sub(start);
        Ok(Blob { size, pieces: stream::try_unfold((file, left), piece).boxed() })
    }

    pub async fn below(&self, key: &str) -> io::Result<Vec<Entry>> {
        let (folder, key) = (self.path(key), key.to_owned());
        apart(move || {
            let mut entries = Vec::new();
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let about = match entry.metadata() {
                    // It went while the others were looked at.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    about => about?,
                };
                let Ok(name) = entry.file_name().into_string() else { continue };
                let written = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                let written_at = i64::try_from(written.as_millis()).unwrap_or(i64::MAX);
                entries.push(Entry { key: format!("{key}/{name}"), size: about.len(), written_at });
            }
            Ok(entries)
        })
        .await
    }

    pub async fn remove(&self, key: &str) -> io::Result<()> {
        let (root, path) = (self.0.clone(), self.path(key));
        apart(move || {
            fs::remove_file(&path)?;
            // The folder of the last one goes with it.
            if let Some(folder) = path.parent().filter(|folder| *folder != root) {
                let _ = fs::remove_dir(folder);
            }
            Ok(())
        })
        .await
    }
}

/// Makes the folders from `root` to `folder`, each of them as durable as what will lie in it.
fn folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let above = folder.ancestors().skip(1).take_while(|above| above.starts_with(root));
    for made in above.chain(root.parent().filter(|above| !above.as_os_str().is_empty())) {
        fs::File::open(made)?.sync_all()?;
    }
    Ok(())
}

async fn piece((mut file, left): (File, u64)) -> io::Result<Option<(Bytes, (File, u64))>> {
    if left == 0 {
        return Ok(None);
    }
    let mut bytes = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
    let read = file.read(&mut bytes).await?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(read);
    Ok(Some((bytes.into(), (file, left - read as u64))))
}
