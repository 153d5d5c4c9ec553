//! Reads one file from a gzip file (RFC 1952), a tar archive (POSIX ustar), or a tar archive in a gzip file.
use std::{fs::File, io::Read, path::Path};

use flate2::read::MultiGzDecoder;
use tar::Archive;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Maximum number of entries in an archive.
const MAX_ENTRIES: usize = 10_000;

/// Reads a file of at most `limit` bytes, and decompresses it if it is gzip. The limit applies to both sizes,
/// so that a small file cannot decompress to an arbitrary size.
pub fn read(file: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let bytes = bounded(File::open(file).map_err(text)?, limit)?;
    match bytes.starts_with(&GZIP) {
        true => bounded(MultiGzDecoder::new(bytes.as_slice()), limit),
        false => Ok(bytes),
    }
}

fn bounded(source: impl Read, limit: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    match bytes.len() as u64 > limit {
        true => Err(format!("larger than {} MiB", limit >> 20)),
        false => Ok(bytes),
    }
}

/// Extracts a file from a tar archive: the one with this name, or the largest one with this extension. Bytes
/// that are not a tar archive are returned unchanged.
pub fn extract(bytes: Vec<u8>, name: Option<&str>, extension: &str) -> Result<Vec<u8>, String> {
    if bytes.get(257..262) != Some(b"ustar") {
        return Ok(bytes);
    }
    let matches = |path: &str| match name {
        Some(name) => path == name || path.ends_with(&format!("/{name}")),
        None => path.ends_with(extension),
    };
    let damaged = |error: std::io::Error| format!("the archive is damaged: {error}");
    let (mut found, mut names): (Option<&[u8]>, _) = (None, Vec::new());
    for (index, entry) in Archive::new(bytes.as_slice()).entries().map_err(damaged)?.enumerate() {
        let entry = entry.map_err(damaged)?;
        if index == MAX_ENTRIES {
            return Err(format!("the archive must have at most {MAX_ENTRIES} entries"));
        }
        if !entry.header().entry_type().is_file() {
            continue;
        }
        // A slice of the archive avoids a copy. Sparse files have no such slice, but are skipped above.
        let start = entry.raw_file_position();
        let range = usize::try_from(start).ok().zip(usize::try_from(start.saturating_add(entry.size())).ok());
        let content =
            range.and_then(|(start, end)| bytes.get(start..end)).ok_or("the archive is truncated")?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if matches(&path) && found.is_none_or(|found| content.len() >= found.len()) {
            found = Some(content);
        }
        if names.len() < 20 {
            names.push(path);
        }
    }
    found.map(<[u8]>::to_vec).ok_or_else(|| {
        let missing = name.map_or_else(|| format!("no {extension} file"), |name| format!("no {name}"));
        format!("{missing} in the archive, which contains {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn extracts_by_name_or_by_size() {
        let files: [(&str, &[u8]); 4] = [
            ("package/README.md", &[b'#'; 2000]),
            ("package/small.mmdb", b"small"),
            ("package/large.mmdb", &[7; 1025]),
            ("package/empty.mmdb", b""),
        ];
        let archive = tar(&files);
        for (name, content) in [
            (None, &[7; 1025][..]),
            (Some("small.mmdb"), b"small"),
            (Some("package/small.mmdb"), b"small"),
            (Some("empty.mmdb"), b""),
        ] {
            assert_eq!(extract(archive.clone(), name, ".mmdb").as_deref(), Ok(content), "{name:?}");
        }
        let missing = extract(archive.clone(), Some("mall.mmdb"), ".mmdb").unwrap_err();
        assert!(missing.contains("no mall.mmdb") && missing.contains("package/small.mmdb"), "{missing}");
        assert!(extract(tar(&files[..1]), None, ".mmdb").is_err_and(|error| error.contains("no .mmdb file")));
        assert_eq!(extract(b"plain".to_vec(), None, ".mmdb"), Ok(b"plain".to_vec()));
    }

    #[test]
    fn rejects_a_damaged_archive() {
        let mut archive = tar(&[("a.mmdb", &[1; 600])]);
        assert_eq!(extract(archive[..1000].to_vec(), None, ".mmdb"), Err("the archive is truncated".into()));
        archive[124..135].copy_from_slice(b"not a size!");
        assert!(extract(archive, None, ".mmdb").is_err_and(|error| error.contains("the archive is damaged")));
    }

    #[test]
    fn rejects_an_archive_with_too_many_entries() {
        let files = vec![("a.mmdb", &[1][..]); MAX_ENTRIES + 1];
        assert!(extract(tar(&files[1..]), None, ".mmdb").is_ok());
        assert!(extract(tar(&files), None, ".mmdb").is_err_and(|error| error.contains("at most 10000")));
    }
}
