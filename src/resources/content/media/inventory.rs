//! The blobs of all images, for backups and checks.
use std::collections::BTreeSet;

use entity::{media, media_orphan};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::keys::{original, stem};
use crate::infra::db::Db;

/// Originals per query.
const BATCH: u64 = 500;

/// The stored original of an image. Its variants are made again on request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// The position in the order of [`originals_after`].
    pub key: String,
    /// The key of the blob.
    pub blob: String,
    /// The SHA-256 hash of the blob, in hexadecimal digits.
    pub sha256: String,
}

/// Returns the next originals after the position `after`, in the order of their keys. Empty at the end.
pub async fn originals_after(db: &Db, after: &str) -> Result<Vec<Original>, DbErr> {
    let rows: Vec<(String, String)> = media::Entity::find()
        .select_only()
        .columns([media::Column::Key, media::Column::Sha256])
        .filter(media::Column::Key.gt(after))
        .order_by_asc(media::Column::Key)
        .limit(BATCH)
        .into_tuple()
        .all(db.read())
        .await?;
    let original = |(key, sha256): (String, String)| Original { blob: original(&key), key, sha256 };
    Ok(rows.into_iter().map(original).collect())
}

/// Returns the SHA-256 hash of the original with the key `blob`, or `None` if no image has it.
pub async fn hash_of(db: &Db, blob: &str) -> Result<Option<String>, DbErr> {
    let Some((folder, extension)) = blob.rsplit_once("/original.") else { return Ok(None) };
    let stem = folder.rsplit('/').next().unwrap_or_default();
    let row =
        media::Entity::find().filter(media::Column::Key.eq(format!("{stem}.{extension}"))).one(db.read());
    Ok(row.await?.filter(|row| original(&row.key) == blob).map(|row| row.sha256))
}

/// Returns the stems of all blobs with this prefix that belong to an image, an upload in progress or a deletion.
pub async fn known_stems(db: &Db, prefix: &str) -> Result<BTreeSet<String>, DbErr> {
    let keys: Vec<String> = media::Entity::find()
        .select_only()
        .column(media::Column::Key)
        .filter(media::Column::Key.starts_with(prefix))
        .into_tuple()
        .all(db.read())
        .await?;
    let orphans = media_orphan::Entity::find().filter(media_orphan::Column::Stem.starts_with(prefix));
    let orphans = orphans.all(db.read()).await?;
    let stems = keys.iter().map(|key| stem(key).to_owned());
    // The folder of a variant is that of its image.
    let orphans = orphans.iter().map(|row| row.stem.split('/').next().unwrap_or(&row.stem).to_owned());
    Ok(stems.chain(orphans).collect())
}
