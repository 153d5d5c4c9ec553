//! Reads one file from a gzip file (RFC 1952), a tar archive (POSIX ustar), or a tar archive in a gzip file.
use std::{fs::File, io::Read, path::Path};

use flate2::read::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BLOCK: usize = 512;

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
    let members = members(&bytes)?;
    let matches = |path: &str| match name {
        Some(name) => path == name || path.ends_with(&format!("/{name}")),
        None => path.ends_with(extension),
    };
    let found = members.iter().filter(|(path, _)| matches(path)).max_by_key(|(_, content)| content.len());
    match found {
        Some((_, content)) => Ok(content.to_vec()),
        None => {
            let names: Vec<&str> = members.iter().map(|(path, _)| path.as_str()).take(20).collect();
            let missing = name.map_or_else(|| format!("no {extension} file"), |name| format!("no {name}"));
            Err(format!("{missing} in the archive, which contains {}", names.join(", ")))
        }
    }
}

/// Returns the regular files of a tar archive with their paths.
fn members(archive: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let (mut members, mut at) = (Vec::new(), 0);
    while let Some(head) = archive.get(at..at + BLOCK).filter(|head| head.iter().any(|byte| *byte != 0)) {
        let size = octal(&head[124..136]).ok_or("the archive is damaged")?;
        let begin = at + BLOCK;
        let content = begin.checked_add(size).and_then(|end| archive.get(begin..end));
        let content = content.ok_or("the archive is truncated")?;
        if matches!(head[156], b'0' | 0) {
            let (name, folder) = (text(&head[..100]), text(&head[345..500]));
            members.push((if folder.is_empty() { name } else { format!("{folder}/{name}") }, content));
        }
        at = begin + size.div_ceil(BLOCK) * BLOCK;
    }
    Ok(members)
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

fn octal(field: &[u8]) -> Option<usize> {
    let digits = text(field);
    usize::from_str_radix(digits.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (path, content) in files {
            let mut head = [0; BLOCK];
            head[..path.len()].copy_from_slice(path.as_bytes());
            head[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            head[156] = b'0';
            head[257..262].copy_from_slice(b"ustar");
            archive.extend(head);
            archive.extend(*content);
            archive.resize(archive.len().div_ceil(BLOCK) * BLOCK, 0);
        }
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
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
        assert_eq!(extract(archive, None, ".mmdb"), Err("the archive is damaged".into()));
    }
}
