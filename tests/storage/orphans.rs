//! Files of uploads whose transaction failed, or whose commit result was lost.
use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use entity::{media, media_orphan};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, PaginatorTrait};
use tenon::{
    infra::{
        blobs::Blobs,
        db::{Db, Tx},
    },
    resources::content::media::orphans,
};
use tokio::sync::Notify;
use uuid::Uuid;

use super::support::{TestDatabase, migrated};

const STEM: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_795_251_600_000;

struct Upload {
    db: TestDatabase,
    blobs: Blobs,
    folder: PathBuf,
}

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn key() -> String {
    format!("{STEM}.png")
}

fn original() -> String {
    format!("{}/{STEM}/original.png", &STEM[..2])
}

/// Creates an upload that has recorded and written its file, but not committed.
async fn uncommitted_upload() -> Upload {
    let db = migrated().await;
    let folder = std::env::temp_dir().join(format!("tenon-blobs-{}", Uuid::now_v7().simple()));
    let blobs = Blobs::folder(folder.clone());
    orphans::register(&db, STEM, NOW).await.expect("registered");
    blobs.put(&original(), Bytes::from_static(b"bytes")).await.expect("written");
    Upload { db, blobs, folder }
}

/// The last statements of an upload: removes the orphan and inserts the row.
async fn commit_upload(tx: &Tx) {
    orphans::claim(tx, STEM).await.expect("claimed");
    let row = media::Model {
        id: Uuid::now_v7(),
        key: key(),
        filename: "joint.png".to_owned(),
        media_type: media::MediaType::Png,
        size: 5,
        width: 1,
        height: 1,
        sha256: "00".repeat(32),
        blurhash: "00TSUA".to_owned(),
        dominant_color: None,
        focus_x: None,
        focus_y: None,
        alt: None,
        uploaded_by: None,
        search: String::new(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    row.into_active_model().reset_all().insert(&**tx).await.expect("inserted");
}

async fn orphan_count(db: &Db) -> u64 {
    media_orphan::Entity::find().count(db.read()).await.expect("counted")
}

#[tokio::test]
async fn deletes_an_orphan() {
    let upload = uncommitted_upload().await;
    let deleted = orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("deleted");
    let size = upload.blobs.size(&original()).await.expect("read");
    assert_eq!((deleted, size, orphan_count(&upload.db).await), (true, None, 0));
    // A file that was written after the record was deleted.
    upload.blobs.put(&original(), Bytes::from_static(b"late")).await.expect("written");
    assert!(orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("deleted"));
    assert_eq!(upload.blobs.size(&original()).await.expect("read"), None);
}

#[tokio::test]
async fn a_committed_upload_is_not_an_orphan() {
    let upload = uncommitted_upload().await;
    let committed = upload.db.write(async |tx: Tx| {
        commit_upload(&tx).await;
        Ok::<_, sea_orm::DbErr>(())
    });
    committed.await.expect("committed");
    let deleted = orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("read");
    let size = upload.blobs.size(&original()).await.expect("read");
    assert_eq!((deleted, size, orphan_count(&upload.db).await), (false, Some(5), 0));
}

#[tokio::test]
async fn waits_for_an_uncommitted_upload() {
    let upload = uncommitted_upload().await;
    let (inserted, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inserted_sender, resume_receiver) = (inserted.clone(), resume.clone());
    let commit = upload.db.write(async move |tx: Tx| {
        commit_upload(&tx).await;
        inserted_sender.notify_one();
        resume_receiver.notified().await;
        Ok::<_, sea_orm::DbErr>(())
    });
    let delete = async {
        inserted.notified().await;
        let (db, blobs, key) = (&upload.db, &upload.blobs, key());
        let mut deletion = std::pin::pin!(orphans::delete_if_orphaned(db, blobs, &key, NOW));
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut deletion).await;
        resume.notify_one();
        assert!(early.is_err(), "did not wait for the transaction: {early:?}");
        deletion.await.expect("read")
    };
    let (committed, deleted) = tokio::join!(commit, delete);
    committed.expect("committed");
    let size = upload.blobs.size(&original()).await.expect("read");
    assert_eq!((deleted, size, orphan_count(&upload.db).await), (false, Some(5), 0));
}
