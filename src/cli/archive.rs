//! One file out of what it is handed around in: gzip (RFC 1952), and in it a tar archive (POSIX ustar).
use std::{fs::File, io::Read, path::Path};

use flate2::read::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BLOCK: usize = 512;

/// The bytes of a file, without its gzip.
pub fn read(file: &Path, most: u64) -> Result<Vec<u8>, String> {
    let text = |error: std::io::Error| error.to_string();
    let bytes = bounded(File::open(file).map_err(text)?, most)?;
    match bytes.starts_with(&GZIP) {
        true => bounded(MultiGzDecoder::new(bytes.as_slice()), most),
        false => Ok(bytes),
    }
}

fn bounded(source: impl Read, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(most + 1).read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    match bytes.len() as u64 > most {
        true => Err(format!("it has more than {} MiB", most >> 20)),
        false => Ok(bytes),
    }
}

/// The member of this name, or the largest with this ending; what is no archive is the member itself.
pub fn member(bytes: Vec<u8>, name: Option<&str>, ending: &str) -> Result<Vec<u8>, String> {
    if bytes.get(257..262) != Some(b"ustar") {
        return Ok(bytes);
    }
    let members = members(&bytes)?;
    let fits = |path: &str| match name {
        Some(name) => path == name || path.ends_with(&format!("/{name}")),
        None => path.ends_with(ending),
    };
    let found = members.iter().filter(|(path, _)| fits(path)).max_by_key(|(_, content)| content.len());
    match found {
        Some((_, content)) => Ok(content.to_vec()),
        None => {
            let there: Vec<&str> = members.iter().map(|(path, _)| path.as_str()).take(20).collect();
            let wanted = name.map_or_else(|| format!("no {ending} file"), |name| format!("no {name}"));
            Err(format!("there is {wanted} in the archive, which holds {}", there.join(", ")))
        }
    }
}

/// The plain files of a tar archive, by path.
fn members(archive: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let (mut members, mut at) = (Vec::new(), 0);
    while let Some(head) = archive.get(at..at + BLOCK).filter(|head| head.iter().any(|byte| *byte != 0)) {
        let size = octal(&head[124..136]).ok_or("the archive is damaged")?;
        let begin = at + BLOCK;
        let content = begin.checked_add(size).and_then(|end| archive.get(begin..end));
        let content = content.ok_or("the archive is cut off")?;
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
    fn the_member_is_found_by_name_or_size() {
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
            assert_eq!(member(archive.clone(), name, ".mmdb").as_deref(), Ok(content), "{name:?}");
        }
        let missing = member(archive.clone(), Some("mall.mmdb"), ".mmdb").unwrap_err();
        assert!(missing.contains("no mall.mmdb") && missing.contains("package/small.mmdb"), "{missing}");
        assert!(member(tar(&files[..1]), None, ".mmdb").is_err_and(|told| told.contains("no .mmdb file")));
        assert_eq!(member(b"plain".to_vec(), None, ".mmdb"), Ok(b"plain".to_vec()));
    }

    #[test]
    fn a_damaged_archive_is_told() {
        let mut archive = tar(&[("a.mmdb", &[1; 600])]);
        assert_eq!(member(archive[..1000].to_vec(), None, ".mmdb"), Err("the archive is cut off".into()));
        archive[124..135].copy_from_slice(b"not a size!");
        assert_eq!(member(archive, None, ".mmdb"), Err("the archive is damaged".into()));
    }
}
