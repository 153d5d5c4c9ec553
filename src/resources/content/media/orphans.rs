//! Registry of stored bytes that belong to no row of `media` or `media_variants`, so that they can be deleted later.
//!
//! A stem is registered before its bytes are written, and again in the transaction that deletes the image. A
//! process that stops between these steps therefore leaves no bytes behind for good: [`sweep`] deletes them.
use entity::{
    media,
    media_orphan::{ActiveModel, Column, Entity},
};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use super::keys::{prefix, stem};
use crate::{
    domain::result_ext::with_causes,
    http::problem::{Error, Result},
    infra::{
        blobs::Blobs,
        db::{Db, Tx},
    },
};

/// Time after which an unclaimed upload counts as abandoned, in milliseconds: 10 minutes.
const GRACE: i64 = 10 * 60 * 1000;
/// Stems that one sweep deletes at most.
const BATCH: u64 = 500;
/// Failures after which a sweep stops: the blob store itself is probably unavailable.
const FAILURES: usize = 3;

/// Returns the stem of one variant: `STEM/NAME`.
pub fn variant_stem(key: &str, name: &str) -> String {
    format!("{}/{name}", stem(key))
}

/// Registers the stem of a variant before its bytes are written. It may be marked for deletion, because an earlier one with
/// the same name is being deleted.
pub async fn register_variant(db: &Db, stem: &str, now: i64) -> Result<()> {
    let row = ActiveModel { stem: Set(stem.to_owned()), deletable: Set(0), since: Set(now) };
    let replace =
        OnConflict::column(Column::Stem).update_columns([Column::Deletable, Column::Since]).to_owned();
    db.write(async move |tx: Tx| {
        Entity::insert(row).on_conflict(replace).exec_without_returning(&*tx).await?;
        Ok(())
    })
    .await
}

/// Registers a stem before bytes are written under it.
pub async fn register(db: &Db, stem: &str, now: i64) -> Result<()> {
    let row = ActiveModel { stem: Set(stem.to_owned()), deletable: Set(0), since: Set(now) };
    db.write(async move |tx: Tx| {
        Entity::insert(row).exec_without_returning(&*tx).await?;
        Ok(())
    })
    .await
}

/// Removes the registration of a stem in the transaction that inserts its row.
///
/// # Errors
///
/// `Unavailable` if a sweep has already marked the stem for deletion.
pub async fn claim(tx: &Tx, stem: &str) -> Result<()> {
    let claimed = Entity::delete_by_id(stem.to_owned()).filter(Column::Deletable.eq(0)).exec(&**tx).await?;
    match claimed.rows_affected {
        1 => Ok(()),
        _ => Err(Error::Unavailable("the upload took longer than 10 minutes: send it again")),
    }
}

/// Marks a stem for deletion. The bytes are deleted after the transaction commits.
pub async fn mark_for_deletion(tx: &Tx, stem: &str, now: i64) -> Result<()> {
    let row = ActiveModel { stem: Set(stem.to_owned()), deletable: Set(1), since: Set(now) };
    let update_existing = OnConflict::column(Column::Stem).value(Column::Deletable, 1).to_owned();
    Entity::insert(row).on_conflict(update_existing).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Deletes the blobs of a stem, or the blob of one variant, then its registration.
pub async fn delete_blobs(db: &Db, blobs: &Blobs, stem: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::Internal(format!("cannot delete a blob: {error}"));
    if stem.contains('/') {
        blobs.remove(&prefix(stem)).await.map_err(failed)?;
    } else {
        for entry in blobs.list(&prefix(stem)).await.map_err(failed)? {
            blobs.remove(&entry.key).await.map_err(failed)?;
        }
    }
    let stem = stem.to_owned();
    db.write(async move |tx: Tx| {
        Entity::delete_by_id(stem).filter(Column::Deletable.eq(1)).exec(&*tx).await?;
        Ok(())
    })
    .await
}

/// Deletes the blobs of `key` unless a row of `media` refers to them, and returns whether it deleted them.
///
/// The row may exist although the upload reported an error: the response to a commit can be lost.
pub async fn delete_if_orphaned(db: &Db, blobs: &Blobs, key: &str, now: i64) -> Result<bool> {
    let (media_key, stem) = (key.to_owned(), stem(key).to_owned());
    let deletable = stem.clone();
    let deleted = db
        .write(async move |tx: Tx| {
            // This must come first: it waits for an upload transaction that is about to claim the stem.
            mark_for_deletion(&tx, &deletable, now).await?;
            let exists =
                media::Entity::find().filter(media::Column::Key.eq(media_key)).count(&*tx).await? > 0;
            if exists {
                Entity::delete_by_id(deletable).exec(&*tx).await?;
            }
            Ok::<_, Error>(!exists)
        })
        .await?;
    if deleted {
        delete_blobs(db, blobs, &stem).await?;
    }
    Ok(deleted)
}

/// Deletes the blobs of abandoned uploads and of deletions that another process did not finish.
pub async fn sweep(db: &Db, blobs: &Blobs, now: i64) -> Result<()> {
    db.write(async move |tx: Tx| {
        let expired = Entity::update_many().col_expr(Column::Deletable, Expr::value(1));
        expired.filter(Column::Since.lt(now - GRACE)).exec(&*tx).await?;
        Ok::<_, Error>(())
    })
    .await?;
    let deletable = Entity::find().filter(Column::Deletable.eq(1)).order_by_asc(Column::Since).limit(BATCH);
    let mut failures = Vec::new();
    for row in deletable.all(db.read()).await? {
        let Err(error) = delete_blobs(db, blobs, &row.stem).await else { continue };
        tracing::warn!(stem = row.stem, error = with_causes(&error), "cannot delete the blobs of an image");
        // Moves the failed stem to the end of the order, so that it does not block the others.
        let postpone = Entity::update_many().col_expr(Column::Since, Expr::value(now));
        let postpone = postpone.filter(Column::Stem.eq(row.stem));
        db.write(async move |tx: Tx| Ok::<_, Error>(postpone.exec(&*tx).await.map(drop)?)).await?;
        failures.push(error);
        if failures.len() == FAILURES {
            break;
        }
    }
    failures.into_iter().next().map_or(Ok(()), Err)
}
