use std::{fs, fs::File};

use uuid::Uuid;

use super::*;

/// An empty file without a name.
fn spool() -> File {
    let path = std::env::temp_dir().join(format!("tenon-{}", Uuid::now_v7()));
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    fs::remove_file(path).unwrap();
    file
}

fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new(Vec::new(), spool(), 1_795_251_600);
    for (path, content) in entries {
        writer.append(path, content.len() as u64, *content).unwrap();
    }
    writer.finish().unwrap()
}

/// Returns the entries, or the error.
fn entries(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut entries = Vec::new();
    let verified = verify_archive(archive, spool(), |entry| {
        let mut content = Vec::new();
        entry.content.read_to_end(&mut content)?;
        entries.push((entry.path.to_owned(), content));
        Ok(())
    });
    verified.map(|()| entries).map_err(|error| error.to_string())
}

#[test]
fn reads_the_entries_that_were_written() {
    let large = vec![7; 200_000];
    let archive = archive(&[("backup.json", b"{}"), ("empty", b""), ("media/ab/abc/original.jpg", &large)]);
    let read = entries(&archive).unwrap();
    assert_eq!(read[0], ("backup.json".to_owned(), b"{}".to_vec()));
    assert_eq!((read[1].1.len(), &read[2].1, read.len()), (0, &large, 3));
    // The manifest has the format of sha256sum.
    let text = String::from_utf8_lossy(&archive);
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert!(text.contains(&format!("{hash}  backup.json\n")));
}

#[test]
fn detects_each_changed_byte_and_each_truncation() {
    let archive = archive(&[("a", b"first"), ("b", &[9; 700])]);
    let manifest = 512 + 512 + 512 + 1024 + 512;
    for position in [512, 516, 1536, 1600, manifest, manifest + 70] {
        let mut damaged = archive.clone();
        damaged[position] ^= 1;
        assert!(entries(&damaged).is_err_and(|error| error.contains("is damaged")), "{position}");
    }
    for length in [0, 100, 512, 1000, 1024, 1600, manifest - 512, manifest - 100, manifest + 30] {
        assert!(entries(&archive[..length]).is_err(), "{length}");
    }
    // The two empty blocks at the end of the archive are not needed.
    assert!(entries(&archive[..manifest + 512]).is_ok());
}

#[test]
fn rejects_added_and_removed_entries() {
    let archive = archive(&[("a", b"first"), ("b", b"second")]);
    let without_first = &archive[1024..];
    assert!(entries(without_first).is_err_and(|error| error.contains("b is damaged")));
    let twice = [&archive[..1024], &archive[..]].concat();
    assert!(entries(&twice).is_err_and(|error| error.contains("a is damaged")));
    assert_eq!(
        entries(b"no archive".repeat(200).as_slice()).err().map(|error| error.contains("not a backup")),
        Some(true)
    );
}

#[test]
fn fails_if_the_content_is_shorter_than_its_size() {
    let mut writer = ArchiveWriter::new(Vec::new(), spool(), 0);
    let error = writer.append("a", 10, &b"short"[..]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(writer.append(&"a".repeat(100), 0, &b""[..]).is_err());
}

#[test]
fn messages_contain_no_bytes_of_the_file() {
    for name in ["\u{1b}[31mred", "a\u{9b}b"] {
        let error = entries(&archive(&[(name, b"")])).unwrap_err();
        assert!(error.ends_with("the name of an entry has control characters"), "{error}");
    }
    let error = entries("\u{1b}[31mred".repeat(200).as_bytes()).unwrap_err();
    assert!(error.ends_with("an entry has no valid tar header"), "{error}");
}
