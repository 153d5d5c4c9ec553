//! Both places keep the same promises.
use std::sync::Arc;

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use uuid::Uuid;

use super::*;

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("tenon-blobs-{}", Uuid::now_v7()))
}

/// A folder, and a bucket whose service is this process.
fn places(folder: &Path) -> [Blobs; 2] {
    let bucket = Bucket::of(Arc::new(InMemory::new()), "site");
    let scratch = Scratch::new(folder.join("fetched"));
    [Blobs::folder(folder.join("kept")), Blobs { place: Place::Bucket(bucket), scratch }]
}

async fn all(blob: Option<Blob>) -> Vec<u8> {
    let pieces: Vec<Bytes> = blob.unwrap().pieces.try_collect().await.unwrap();
    pieces.concat()
}

#[tokio::test]
async fn what_is_put_is_there_until_it_is_removed() {
    let folder = folder();
    for blobs in places(&folder) {
        let long: Bytes = (0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into();
        assert!(blobs.get("ab/abc/o.png", None).await.unwrap().is_none());
        assert_eq!(blobs.size("ab/abc/o.png").await.unwrap(), None);
        blobs.put("ab/abc/o.png", long.clone()).await.unwrap();
        blobs.put("ab/abc/v.webp", Bytes::from_static(b"variant")).await.unwrap();
        blobs.put("ab/abd/o.png", Bytes::from_static(b"other")).await.unwrap();
        assert_eq!(blobs.size("ab/abc/o.png").await.unwrap(), Some(800_000));
        let whole = blobs.get("ab/abc/o.png", None).await.unwrap();
        assert_eq!(whole.as_ref().unwrap().size, 800_000);
        assert_eq!(all(whole).await, long);
        let part = blobs.get("ab/abc/o.png", Some(65_530..140_000)).await.unwrap();
        assert_eq!((part.as_ref().unwrap().size, all(part).await), (800_000, long[65_530..140_000].to_vec()));
        let local = blobs.local("ab/abc/o.png").await.unwrap().unwrap();
        assert_eq!(fs_read(local.path()), long);
        let mut below: Vec<_> =
            blobs.below("ab/abc").await.unwrap().into_iter().map(|it| (it.key, it.size)).collect();
        below.sort();
        assert_eq!(below, [("ab/abc/o.png".to_owned(), 800_000), ("ab/abc/v.webp".to_owned(), 7)]);
        for _ in 0..2 {
            blobs.remove("ab/abc/o.png").await.unwrap();
            blobs.remove("ab/abc/v.webp").await.unwrap();
        }
        assert!(blobs.below("ab/abc").await.unwrap().is_empty());
        assert_eq!(all(blobs.get("ab/abd/o.png", None).await.unwrap()).await, b"other");
    }
    let _ = std::fs::remove_dir_all(folder);
}

fn fs_read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn no_key_leads_out_of_the_folder() {
    let folder = folder();
    for blobs in places(&folder) {
        for key in ["", "../x", "a/../../x", "/etc/passwd", "a//b", "a/.hidden", "A", "a\\b", "a\0b"] {
            assert!(blobs.put(key, Bytes::new()).await.is_err(), "{key:?}");
            assert!(blobs.get(key, None).await.is_err(), "{key:?}");
        }
    }
    assert!(!folder.exists());
}

#[tokio::test]
async fn what_is_on_its_way_leaves_nothing_behind() {
    let folder = folder();
    let [blobs, _] = places(&folder);
    let files = || std::fs::read_dir(folder.join("kept/incoming")).map_or(0, Iterator::count);
    let mut loose = blobs.scratch().file().await.unwrap();
    loose.write(b"half").await.unwrap();
    assert_eq!(files(), 1);
    drop(loose);
    assert_eq!(files(), 0);
    std::fs::write(folder.join("kept/incoming/left"), b"by a process that was killed").unwrap();
    let now = crate::ports::clock::Clock::System.now();
    blobs.scratch().sweep(now).await.unwrap();
    assert_eq!(files(), 1, "another process may still be at it");
    blobs.scratch().sweep(now + 11 * 60 * 1000).await.unwrap();
    assert_eq!(files(), 0);
    let _ = std::fs::remove_dir_all(folder);
}
