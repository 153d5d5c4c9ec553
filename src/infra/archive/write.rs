//! Writes an archive.
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
};

use tar::{Builder, Header};

use super::{HashingReader, MANIFEST, MAX_PATH, line};

/// Writes an archive to a stream.
pub struct ArchiveWriter<W: Write> {
    tar: Builder<W>,
    /// The lines of the manifest. A file, because there is one line per image.
    manifest: BufWriter<File>,
    /// Modification time of all entries, in seconds since 1970.
    written_at: u64,
}

impl<W: Write> ArchiveWriter<W> {
    /// Creates a writer. `manifest` is an empty file for the lines of the manifest.
    pub fn new(output: W, manifest: File, written_at: u64) -> Self {
        ArchiveWriter { tar: Builder::new(output), manifest: BufWriter::new(manifest), written_at }
    }

    /// Appends an entry of `size` bytes. Returns the SHA-256 hash of the content in hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the content is shorter. The archive is incomplete after any error.
    pub fn append(&mut self, path: &str, size: u64, content: impl Read) -> io::Result<String> {
        let mut content = HashingReader::new(content.take(size));
        self.append_entry(path, size, &mut content)?;
        let (_, hash) = content.finish();
        self.manifest.write_all(line(&hash, path).as_bytes())?;
        Ok(hash)
    }

    fn append_entry<R: Read>(
        &mut self,
        path: &str,
        size: u64,
        content: &mut HashingReader<R>,
    ) -> io::Result<()> {
        if path.len() > MAX_PATH {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path of an entry is too long"));
        }
        // The GNU header, because the size of a POSIX header is limited to 8 GiB.
        let mut header = Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.written_at);
        self.tar.append_data(&mut header, path, &mut *content)?;
        match content.count == size {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Appends the manifest and ends the archive. Returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.manifest.flush()?;
        let size = self.manifest.stream_position()?;
        self.manifest.rewind()?;
        let manifest = BufReader::new(self.manifest.get_ref().try_clone()?);
        self.append_entry(MANIFEST, size, &mut HashingReader::new(manifest))?;
        let mut output = self.tar.into_inner()?;
        output.flush()?;
        Ok(output)
    }
}
