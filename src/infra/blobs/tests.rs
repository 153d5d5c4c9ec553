//! Tests that both backends behave identically.
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use uuid::Uuid;

use super::*;

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("tenon-blobs-{}", Uuid::now_v7()))
}

/// Creates one storage per backend: a folder, and an in-memory bucket.
fn backends(folder: &Path) -> [Blobs; 2] {
    let bucket = Bucket::with_store(Arc::new(InMemory::new()), "site");
    let temp_dir = TempDir::new(folder.join("fetched"));
    [Blobs::folder(folder.join("blobs")), Blobs { backend: Backend::Bucket(bucket), temp_dir }]
}

async fn read_all(blob: Option<Blob>) -> Vec<u8> {
    let pieces: Vec<Bytes> = blob.unwrap().chunks.try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn stores_and_deletes() {
    let folder = folder();
    for blobs in backends(&folder) {
        let content: Bytes = (0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into();
        assert!(blobs.get("ab/abc/o.png", None).await.unwrap().is_none());
        assert_eq!(blobs.size("ab/abc/o.png").await.unwrap(), None);
        blobs.put("ab/abc/o.png", content.clone()).await.unwrap();
        blobs.put("ab/abc/v.webp", Bytes::from_static(b"variant")).await.unwrap();
        blobs.put("ab/abd/o.png", Bytes::from_static(b"other")).await.unwrap();
        assert_eq!(blobs.size("ab/abc/o.png").await.unwrap(), Some(800_000));
        let complete = blobs.get("ab/abc/o.png", None).await.unwrap();
        assert_eq!(complete.as_ref().unwrap().size, 800_000);
        assert_eq!(read_all(complete).await, content);
        let part = blobs.get("ab/abc/o.png", Some(65_530..140_000)).await.unwrap();
        assert_eq!(
            (part.as_ref().unwrap().size, read_all(part).await),
            (800_000, content[65_530..140_000].to_vec())
        );
        assert_eq!(blobs.read("ab/abc/o.png", 800_000).await.unwrap().as_deref(), Some(&content[..]));
        assert!(blobs.read("ab/abc/o.png", 799_999).await.is_err());
        assert_eq!(blobs.read("ab/abc/absent.png", 1).await.unwrap(), None);
        let local = blobs.local_file("ab/abc/o.png").await.unwrap().unwrap();
        assert_eq!(fs_read(local.path()), content);
        let mut listed: Vec<_> =
            blobs.list("ab/abc").await.unwrap().into_iter().map(|entry| (entry.key, entry.size)).collect();
        listed.sort();
        assert_eq!(listed, [("ab/abc/o.png".to_owned(), 800_000), ("ab/abc/v.webp".to_owned(), 7)]);
        for _ in 0..2 {
            blobs.remove("ab/abc/o.png").await.unwrap();
            blobs.remove("ab/abc/v.webp").await.unwrap();
        }
        assert!(blobs.list("ab/abc").await.unwrap().is_empty());
        assert_eq!(read_all(blobs.get("ab/abd/o.png", None).await.unwrap()).await, b"other");
    }
    let _ = std::fs::remove_dir_all(folder);
}

fn fs_read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn stores_files_of_several_parts_and_lists_folders() {
    let folder = folder();
    for (number, blobs) in backends(&folder).into_iter().enumerate() {
        let source = folder.join(format!("source-{number}"));
        std::fs::create_dir_all(&folder).unwrap();
        // Two full parts and the rest.
        let content: Vec<u8> = (0..9_000_000u32).flat_map(u32::to_le_bytes).collect();
        for (key, content) in
            [("b.tar", &content[..]), ("a.tar", b"small"), ("ab/abc/o.png", b""), ("ab/abd/o.png", b"x")]
        {
            std::fs::write(&source, content).unwrap();
            blobs.put_file(key, &source).await.unwrap();
            assert!(read_all(blobs.get(key, None).await.unwrap()).await == content, "{key}");
        }
        let mut folders = blobs.folders("ab").await.unwrap();
        folders.sort();
        assert_eq!(folders, ["abc", "abd"]);
        assert!(blobs.folders("cd").await.unwrap().is_empty());
        let keys: Vec<_> = blobs.list("").await.unwrap().into_iter().map(|entry| entry.key).collect();
        assert!(keys.contains(&"a.tar".to_owned()) && keys.contains(&"b.tar".to_owned()), "{keys:?}");
        assert!(!keys.contains(&"o.png".to_owned()), "blobs of other folders are not listed: {keys:?}");
    }
    let _ = std::fs::remove_dir_all(folder);
}

#[tokio::test]
async fn rejects_keys_outside_of_the_folder() {
    let folder = folder();
    for blobs in backends(&folder) {
        for key in ["", "../x", "a/../../x", "/etc/passwd", "a//b", "a/.hidden", "A", "a\\b", "a\0b"] {
            assert!(blobs.put(key, Bytes::new()).await.is_err(), "{key:?}");
            assert!(blobs.get(key, None).await.is_err(), "{key:?}");
        }
    }
    assert!(!folder.exists());
}

#[tokio::test]
async fn deletes_temporary_files() {
    let folder = folder();
    let [blobs, _] = backends(&folder);
    let files = || std::fs::read_dir(folder.join("blobs/incoming")).map_or(0, Iterator::count);
    let mut temp_file = blobs.temp_dir().create_file().await.unwrap();
    temp_file.write(b"half").await.unwrap();
    assert_eq!(files(), 1);
    drop(temp_file);
    assert_eq!(files(), 0);
    let left = folder.join("blobs/incoming/left");
    std::fs::write(&left, b"by a process that was killed").unwrap();
    let now: i64 = 1_795_251_600_000;
    let modified = UNIX_EPOCH + Duration::from_millis(now.unsigned_abs());
    std::fs::File::options().write(true).open(left).unwrap().set_modified(modified).unwrap();
    blobs.temp_dir().sweep(now).await.unwrap();
    assert_eq!(files(), 1, "a young file may belong to a running process");
    blobs.temp_dir().sweep(now + 11 * 60 * 1000).await.unwrap();
    assert_eq!(files(), 0);
    let _ = std::fs::remove_dir_all(folder);
}
