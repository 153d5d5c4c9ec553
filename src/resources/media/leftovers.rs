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

/// Gives up what an upload has written and not claimed. Without its note it is claimed, although nobody has heard of it:
/// the answer to a commit can be lost.
pub async fn give_up(db: &Db, blobs: &Blobs, stem: &str) -> Result<()> {
    let noted = Entity::update_many().col_expr(Column::Doomed, Expr::value(1)).filter(Column::Stem.eq(stem));
    let noted =
        db.write(async move |tx: Tx| Ok::<_, Error>(noted.exec(&*tx).await?.rows_affected > 0)).await?;
    if noted { clear(db, blobs, stem).await } else { Ok(()) }
}

/// Takes away what was made of a picture that is gone by now; whether it is.
pub async fn orphaned(db: &Db, blobs: &Blobs, key: &str, now: i64) -> Result<bool> {
    let (of, stem) = (key.to_owned(), stem(key).to_owned());
    let doomed = stem.clone();
    let gone = db
        .write(async move |tx: Tx| {
            let there = media::Entity::find().filter(media::Column::Key.eq(of)).count(&*tx).await? > 0;
            if !there {
                doom(&tx, &doomed, now).await?;
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
    // One that cannot be taken away keeps nobody else's.
    let mut cleared = Ok(());
    for row in doomed.all(db.read()).await? {
        cleared = cleared.and(clear(db, blobs, &row.stem).await);
    }
    cleared
}
