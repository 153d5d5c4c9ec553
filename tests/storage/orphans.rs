//! Bytes of pictures whose upload has failed, or seems to have: the answer to a commit can be lost.
use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use entity::{media, media_leftover};
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

use super::support::{Own, fresh};

const STEM: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_795_251_600_000;

struct Upload {
    db: Own,
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

/// An upload that has noted and written its bytes.
async fn written() -> Upload {
    let db = fresh().await;
    let folder = std::env::temp_dir().join(format!("tenon-blobs-{}", Uuid::now_v7().simple()));
    let blobs = Blobs::folder(folder.clone());
    orphans::register(&db, STEM, NOW).await.expect("noted");
    blobs.put(&original(), Bytes::from_static(b"bytes")).await.expect("written");
    Upload { db, blobs, folder }
}

/// The transaction with which an upload ends.
async fn claim(tx: &Tx) {
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
        focus_x: None,
        focus_y: None,
        alt: None,
        uploaded_by: None,
        search: String::new(),
        version: 1,
        created_at: NOW,
        updated_at: NOW,
    };
    row.into_active_model().reset_all().insert(&**tx).await.expect("kept");
}

async fn notes(db: &Db) -> u64 {
    media_leftover::Entity::find().count(db.read()).await.expect("counted")
}

#[tokio::test]
async fn what_nobody_claimed_goes() {
    let upload = written().await;
    let gone = orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("given up");
    let left = upload.blobs.size(&original()).await.expect("looked");
    assert_eq!((gone, left, notes(&upload.db).await), (true, None, 0));
    // Bytes that were written after a sweep had taken the note away go as well.
    upload.blobs.put(&original(), Bytes::from_static(b"late")).await.expect("written");
    assert!(orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("given up"));
    assert_eq!(upload.blobs.size(&original()).await.expect("looked"), None);
}

#[tokio::test]
async fn what_was_claimed_stays_although_the_answer_was_lost() {
    let upload = written().await;
    let claimed = upload.db.write(async |tx: Tx| {
        claim(&tx).await;
        Ok::<_, sea_orm::DbErr>(())
    });
    claimed.await.expect("committed");
    let gone = orphans::delete_if_orphaned(&upload.db, &upload.blobs, &key(), NOW).await.expect("looked");
    let left = upload.blobs.size(&original()).await.expect("looked");
    assert_eq!((gone, left, notes(&upload.db).await), (false, Some(5), 0));
}

#[tokio::test]
async fn who_gives_up_waits_for_a_claim_that_is_not_committed() {
    let upload = written().await;
    let (claimed, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tells, waits) = (claimed.clone(), go.clone());
    let commit = upload.db.write(async move |tx: Tx| {
        claim(&tx).await;
        tells.notify_one();
        waits.notified().await;
        Ok::<_, sea_orm::DbErr>(())
    });
    let give_up = async {
        claimed.notified().await;
        let (db, blobs, key) = (&upload.db, &upload.blobs, key());
        let mut giving_up = std::pin::pin!(orphans::delete_if_orphaned(db, blobs, &key, NOW));
        let early = tokio::time::timeout(std::time::Duration::from_millis(300), &mut giving_up).await;
        go.notify_one();
        assert!(early.is_err(), "it did not wait: {early:?}");
        giving_up.await.expect("looked")
    };
    let (committed, gone) = tokio::join!(commit, give_up);
    committed.expect("committed");
    let left = upload.blobs.size(&original()).await.expect("looked");
    assert_eq!((gone, left, notes(&upload.db).await), (false, Some(5), 0));
}
