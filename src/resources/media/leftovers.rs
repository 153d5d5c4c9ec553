//! Bytes that no picture has a claim to: noted before they are written and when their picture goes, so that
//! whatever ends the process in between, none of them stays for good.
use entity::{
    media,
    media_leftover::{ActiveModel, Column, Entity},
};
use sea_orm::{
    ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, OnConflict},
};

use super::stored::{below, stem};
use crate::{
    contract::problem::{Error, Result},
    ports::{
        blobs::Blobs,
        db::{Db, Tx},
    },
};

/// No upload takes so long, in milliseconds.
const GRACE: i64 = 10 * 60 * 1000;
/// As many are taken away in one go.
const BATCH: u64 = 500;
/// After as many failures in one go, it is the place of the bytes that fails.
const FAILURES: usize = 3;

/// Notes that bytes are about to be written below a stem.
pub async fn note(db: &Db, stem: &str, now: i64) -> Result<()> {
    let row = ActiveModel { stem: Set(stem.to_owned()), doomed: Set(0), since: Set(now) };
    db.write(async move |tx: Tx| {
        Entity::insert(row).exec_without_returning(&*tx).await?;
        Ok(())
    })
    .await
}

/// A picture claims its bytes, unless they were given up meanwhile.
pub async fn claim(tx: &Tx, stem: &str) -> Result<()> {
    let claimed = Entity::delete_by_id(stem.to_owned()).filter(Column::Doomed.eq(0)).exec(&**tx).await?;
    match claimed.rows_affected {
        1 => Ok(()),
        _ => Err(Error::Unavailable("the upload took too long: send it again")),
    }
}

/// The bytes of a picture go when the transaction has ended.
pub async fn doom(tx: &Tx, stem: &str, now: i64) -> Result<()> {
    let row = ActiveModel { stem: Set(stem.to_owned()), doomed: Set(1), since: Set(now) };
    let again = OnConflict::column(Column::Stem).value(Column::Doomed, 1).to_owned();
    Entity::insert(row).on_conflict(again).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Takes the bytes below a stem away, and then the note of them.
pub async fn clear(db: &Db, blobs: &Blobs, stem: &str) -> Result<()> {
    let failed = |error: std::io::Error| Error::Internal(format!("a blob cannot be taken away: {error}"));
    for entry in blobs.below(&below(stem)).await.map_err(failed)? {
        blobs.remove(&entry.key).await.map_err(failed)?;
    }
    let stem = stem.to_owned();
    db.write(async move |tx: Tx| {
        Entity::delete_by_id(stem).filter(Column::Doomed.eq(1)).exec(&*tx).await?;
        Ok(())
    })
    .await
}

/// Takes away what was written for a picture that is not there; whether it is not. An upload that has failed may be
/// there all the same: the answer to a commit can be lost.
pub async fn orphaned(db: &Db, blobs: &Blobs, key: &str, now: i64) -> Result<bool> {
    let (of, stem) = (key.to_owned(), stem(key).to_owned());
    let doomed = stem.clone();
    let gone = db
        .write(async move |tx: Tx| {
            // First of all: this waits for an upload that is about to claim them.
            doom(&tx, &doomed, now).await?;
            let there = media::Entity::find().filter(media::Column::Key.eq(of)).count(&*tx).await? > 0;
            if there {
                Entity::delete_by_id(doomed).exec(&*tx).await?;
            }
            Ok::<_, Error>(!there)
        })
        .await?;
    if gone {
        clear(db, blobs, &stem).await?;
    }
    Ok(gone)
}

/// Takes away what nobody has claimed in time, and what a process has not finished taking away.
pub async fn sweep(db: &Db, blobs: &Blobs, now: i64) -> Result<()> {
    db.write(async move |tx: Tx| {
        let late = Entity::update_many().col_expr(Column::Doomed, Expr::value(1));
        late.filter(Column::Since.lt(now - GRACE)).exec(&*tx).await?;
        Ok::<_, Error>(())
    })
    .await?;
    let doomed = Entity::find().filter(Column::Doomed.eq(1)).order_by_asc(Column::Since).limit(BATCH);
    let mut failures = Vec::new();
    for row in doomed.all(db.read()).await? {
        let Err(error) = clear(db, blobs, &row.stem).await else { continue };
        tracing::warn!(stem = row.stem, ?error, "bytes of a picture cannot be taken away");
        // One that cannot be taken away keeps nobody else's: it comes last from now on.
        let later = Entity::update_many().col_expr(Column::Since, Expr::value(now));
        let later = later.filter(Column::Stem.eq(row.stem));
        db.write(async move |tx: Tx| Ok::<_, Error>(later.exec(&*tx).await.map(drop)?)).await?;
        failures.push(error);
        if failures.len() == FAILURES {
            break;
        }
    }
    failures.into_iter().next().map_or(Ok(()), Err)
}
