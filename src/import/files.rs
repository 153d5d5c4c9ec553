//! Lists the files of a folder and reads text files.
use std::{
    fs::{self, DirEntry, File},
    io::{self, Read},
    path::Path,
};

use thiserror::Error;

/// The maximum size of a Markdown file, in bytes.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;
const MAX_DEPTH: usize = 32;
const MAX_FILES: usize = 100_000;

/// The files in a folder and its subfolders: relative paths with `/` as separator, sorted by code points.
#[derive(Debug, Default)]
pub struct Tree {
    pub markdown: Vec<String>,
    pub images: Vec<String>,
    /// The number of files that are neither Markdown nor images.
    pub other_files: usize,
    /// Entries that were not read, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// The reason why a file could not be read as text.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("{0}")]
    Invalid(String),
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
}

/// Lists a folder and its subfolders. Ignores hidden entries, and does not follow symbolic links: no file
/// outside of the folder is read, and none is read twice.
pub fn walk(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut folders = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            seen += 1;
            if seen > MAX_FILES {
                return Err(io::Error::other(format!("more than {MAX_FILES} files")));
            }
            if let Some(inner) = tree.add(&folder, &entry)? {
                if depth == MAX_DEPTH {
                    tree.skip(inner, &format!("nested more than {MAX_DEPTH} folders deep"));
                } else {
                    folders.push((inner, depth + 1));
                }
            }
        }
    }
    tree.markdown.sort();
    tree.images.sort();
    tree.skipped.sort();
    Ok(tree)
}

impl Tree {
    /// Adds a directory entry. Returns the path of the entry if it is a folder.
    fn add(&mut self, folder: &str, entry: &DirEntry) -> io::Result<Option<String>> {
        let name = entry.file_name();
        let join = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Some(name) = name.to_str() else {
            self.skip(join(&name.to_string_lossy()), "the file name is not valid UTF-8");
            return Ok(None);
        };
        if name.starts_with('.') {
            return Ok(None);
        }
        let path = join(name);
        let kind = entry.file_type()?;
        if kind.is_dir() {
            return Ok(Some(path));
        }
        if kind.is_symlink() {
            self.skip(path, "symbolic links are not followed");
        } else if !kind.is_file() {
            self.skip(path, "not a regular file");
        } else {
            match extension(name).as_str() {
                "md" | "markdown" => self.markdown.push(path),
                "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "svg" | "bmp" | "ico" | "tif" | "tiff" => {
                    self.images.push(path);
                }
                _ => self.other_files += 1,
            }
        }
        Ok(None)
    }

    fn skip(&mut self, path: String, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }
}

/// Reads a file as UTF-8. Removes a byte order mark and converts CRLF line endings to LF.
pub fn read(root: &Path, path: &str) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    // The size is limited while reading, because the file may grow after its metadata was read.
    File::open(root.join(path))?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ReadError::Invalid(format!("larger than {} MiB", MAX_FILE / (1024 * 1024))));
    }
    let text = String::from_utf8(bytes).map_err(|_| ReadError::Invalid("not valid UTF-8".to_owned()))?;
    if text.contains('\0') {
        return Err(ReadError::Invalid("contains a NUL character".to_owned()));
    }
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// Returns the last segment of a path.
pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Returns the parent folder of a path, or an empty string at the top level.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the last segment of a path without its extension.
pub fn stem(path: &str) -> &str {
    let name = name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase()
}
