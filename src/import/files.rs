//! What lies in a folder, and the text of one of its files.
use std::{
    fs::{self, DirEntry, File},
    io::{self, Read},
    path::Path,
};

use thiserror::Error;

/// The most bytes that a Markdown file may have.
pub const MAX_FILE: u64 = 4 * 1024 * 1024;
const MAX_DEPTH: usize = 32;
const MAX_FILES: usize = 100_000;

/// The files below a folder, as paths relative to it with `/` between segments, in code point order.
#[derive(Debug, Default)]
pub struct Tree {
    pub markdown: Vec<String>,
    pub pictures: Vec<String>,
    /// How many files are neither.
    pub others: usize,
    /// Entries that were not looked into, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// Why a file gave no text.
#[derive(Debug, Error)]
pub enum Unread {
    #[error("{0}")]
    Unfit(String),
    #[error("cannot be read: {0}")]
    Failed(#[from] io::Error),
}

/// Lists a folder with all its sub-folders. Hidden entries are left out; symbolic links are not followed,
/// so nothing outside the folder is read and nothing inside it twice.
pub fn walk(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut folders = vec![(String::new(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            seen += 1;
            if seen > MAX_FILES {
                return Err(io::Error::other(format!("there are more than {MAX_FILES} files in it")));
            }
            if let Some(inner) = tree.sort_in(&folder, &entry)? {
                if depth == MAX_DEPTH {
                    tree.skip(inner, &format!("lies more than {MAX_DEPTH} folders deep"));
                } else {
                    folders.push((inner, depth + 1));
                }
            }
        }
    }
    tree.markdown.sort();
    tree.pictures.sort();
    tree.skipped.sort();
    Ok(tree)
}

impl Tree {
    /// Notes what an entry is; a folder is given back.
    fn sort_in(&mut self, folder: &str, entry: &DirEntry) -> io::Result<Option<String>> {
        let name = entry.file_name();
        let join = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let Some(name) = name.to_str() else {
            self.skip(join(&name.to_string_lossy()), "its name is not UTF-8");
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
            self.skip(path, "is a symbolic link, which is not followed");
        } else if !kind.is_file() {
            self.skip(path, "is not a regular file");
        } else {
            match extension(name).as_str() {
                "md" | "markdown" => self.markdown.push(path),
                "png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "svg" | "bmp" | "ico" | "tif" | "tiff" => {
                    self.pictures.push(path);
                }
                _ => self.others += 1,
            }
        }
        Ok(None)
    }

    fn skip(&mut self, path: String, reason: &str) {
        self.skipped.push((path, reason.to_owned()));
    }
}

/// The text of a file, without byte order mark and with `\n` at the end of each line.
pub fn read(root: &Path, path: &str) -> Result<String, Unread> {
    let mut bytes = Vec::new();
    // The length is measured while reading: a file may grow after it was looked at.
    File::open(root.join(path))?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Unread::Unfit(format!("is larger than {} MiB", MAX_FILE / (1024 * 1024))));
    }
    let text = String::from_utf8(bytes).map_err(|_| Unread::Unfit("is not UTF-8".to_owned()))?;
    if text.contains('\0') {
        return Err(Unread::Unfit("contains a NUL character".to_owned()));
    }
    Ok(text.trim_start_matches('\u{feff}').replace("\r\n", "\n"))
}

/// The last segment of a path.
pub fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The folder that a path lies in; empty at the top.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last segment of a path without its extension.
pub fn stem(path: &str) -> &str {
    let name = name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn extension(name: &str) -> String {
    name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase()
}
