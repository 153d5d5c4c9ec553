//! The last uses of variants. They are collected in memory and stored in batches: at most one write per variant and hour.
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use entity::{
    media,
    media_variant::{ActiveModel, Column, Entity},
};
use parking_lot::Mutex;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;

use crate::{
    http::problem::Result,
    infra::db::{Db, Tx},
};

/// The resolution of the time of the last use, in milliseconds.
const HOUR: i64 = 3_600_000;
/// Variants whose uses are recorded per hour. Further ones keep their time.
const MAX_RECORDED: usize = 20_000;
/// Rows per statement.
const BATCH: usize = 500;

/// The variants that were used since the last flush. Clones share them.
#[derive(Clone, Default)]
pub struct VariantUses(Arc<Mutex<Uses>>);

/// An image and the name of one of its variants.
type VariantKey = (Uuid, String);

#[derive(Default)]
struct Uses {
    hour: i64,
    /// The variants that were used in this hour.
    recorded: HashSet<VariantKey>,
    /// The size and the time of the uses that are not stored yet. Ordered, so that two processes lock rows in one order.
    pending: BTreeMap<VariantKey, (i64, i64)>,
}

impl VariantUses {
    /// Records the use of a variant of `size` bytes.
    pub fn record(&self, image: Uuid, name: &str, size: u64, now: i64) {
        let mut uses = self.0.lock();
        if uses.hour != now / HOUR {
            uses.hour = now / HOUR;
            uses.recorded.clear();
        }
        let key = (image, name.to_owned());
        if uses.recorded.len() < MAX_RECORDED && uses.recorded.insert(key.clone()) {
            uses.pending.insert(key, (i64::try_from(size).unwrap_or(i64::MAX), now));
        }
    }

    /// Stores the recorded uses in one transaction. Variants without a row get one: they were stored before a restore of
    /// the database.
    pub async fn flush(&self, db: &Db) -> Result<()> {
        let pending = std::mem::take(&mut self.0.lock().pending);
        if pending.is_empty() {
            return Ok(());
        }
        let uses: Vec<_> = pending.iter().map(|(key, used)| (key.clone(), *used)).collect();
        let stored = db.write(async move |tx: Tx| {
            for batch in uses.chunks(BATCH) {
                store(&tx, batch).await?;
            }
            Ok(())
        });
        let stored = stored.await;
        if stored.is_err() {
            let mut uses = self.0.lock();
            for (key, used) in pending {
                uses.pending.entry(key).or_insert(used);
            }
        }
        stored
    }
}

async fn store(tx: &Tx, uses: &[(VariantKey, (i64, i64))]) -> Result<()> {
    let images = uses.iter().map(|((image, _), _)| *image);
    let existing: Vec<Uuid> = media::Entity::find()
        .select_only()
        .column(media::Column::Id)
        .filter(media::Column::Id.is_in(images))
        .order_by_asc(media::Column::Id)
        // An image that is deleted meanwhile would violate the foreign key.
        .lock_shared()
        .into_tuple()
        .all(&**tx)
        .await?;
    let existing: HashSet<Uuid> = existing.into_iter().collect();
    let rows = uses.iter().filter(|((image, _), _)| existing.contains(image));
    let rows: Vec<_> = rows
        .map(|((image, name), (size, used_at))| ActiveModel {
            media_id: Set(*image),
            name: Set(name.clone()),
            size: Set(*size),
            used_at: Set(*used_at),
        })
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    let update =
        OnConflict::columns([Column::MediaId, Column::Name]).update_column(Column::UsedAt).to_owned();
    Entity::insert_many(rows).on_conflict(update).exec_without_returning(&**tx).await?;
    Ok(())
}
