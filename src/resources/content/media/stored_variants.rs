//! The storage of variants: each has a row with its size, and the least recently used ones are deleted when a limit is
//! exceeded.
use bytes::Bytes;
use entity::{
    media,
    media_variant::{ActiveModel, Column, Entity, Model},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Set,
    sea_query::{Alias, Expr, ExprTrait, OnConflict},
};
use uuid::Uuid;

use super::{
    keys::{prefix, stem},
    orphans,
    service::MediaLibrary,
    upload::{BYTES, blob_error, original_bytes},
};
use crate::{
    domain::result_ext::ResultExt,
    http::problem::{Error, Result},
    infra::db::Tx,
};

/// Limits of the stored variants of one image.
const MAX_VARIANTS: i64 = 64;
const MAX_BYTES: i64 = 32 << 20;
/// Bytes that the variants of an account may have although its originals use the quota, so that its images can be served.
const MIN_ACCOUNT_BYTES: i64 = 64 << 20;
/// Variants that one eviction deletes at most.
const BATCH: u64 = 500;

/// The variants that a limit counts, the limit, and the additional bytes that must fit.
struct Limit {
    variants: Condition,
    count: i64,
    bytes: i64,
    additional: i64,
}

impl MediaLibrary {
    /// Stores the bytes of a variant, and deletes others if they exceed a limit together.
    ///
    /// The blob is registered as an orphan until its row exists, so that a crash leaves no blob without a row.
    pub(super) async fn store_variant(&self, row: &media::Model, name: &str, bytes: Bytes) -> Result<()> {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.make_room(row, name, size).await?;
        let (now, image) = (self.clock.now(), row.id);
        let orphan = orphans::variant_stem(&row.key, name);
        orphans::register_variant(&self.db, &orphan, now).await?;
        let blob = format!("{}/{name}", prefix(stem(&row.key)));
        self.blobs.put(&blob, bytes).await.map_err(blob_error)?;
        let variant = ActiveModel {
            media_id: Set(image),
            name: Set(name.to_owned()),
            size: Set(size),
            used_at: Set(now),
        };
        let stem = orphan.clone();
        let is_stored = self.db.write(async move |tx| claim(&tx, image, &stem, variant, now).await).await?;
        if !is_stored {
            self.delete_blobs(&[orphan]).await;
            return Err(Error::NotFound("image"));
        }
        Ok(())
    }

    /// Deletes variants of an image, of its uploader, and of all images, until one of `size` bytes fits all limits.
    async fn make_room(&self, row: &media::Model, name: &str, size: i64) -> Result<()> {
        // The row exists if only its blob is missing.
        let others = Condition::any().add(Column::MediaId.ne(row.id)).add(Column::Name.ne(name));
        let limit = |variants: Condition, count, bytes| Limit {
            variants: variants.add(others.clone()),
            count,
            bytes,
            additional: size,
        };
        let image = Condition::all().add(Column::MediaId.eq(row.id));
        self.evict(limit(image, MAX_VARIANTS - 1, MAX_BYTES)).await?;
        if let Some(account) = row.uploaded_by {
            let bytes = self.account_limit(account).await?;
            self.evict(limit(of_account(account), i64::MAX, bytes)).await?;
        }
        self.evict(limit(Condition::all(), i64::MAX, self.variants_bytes)).await
    }

    /// Deletes variants of an account that no longer fit its quota, after it has uploaded an image.
    pub(super) async fn shrink_variants(&self, account: Uuid) -> Result<()> {
        let bytes = self.account_limit(account).await?;
        self.evict(Limit { variants: of_account(account), count: i64::MAX, bytes, additional: 0 }).await
    }

    /// Returns the bytes that the variants of an account may have: the quota that its originals leave.
    async fn account_limit(&self, account: Uuid) -> Result<i64> {
        let (_, originals) = original_bytes(self.db.read(), account).await?;
        Ok(Ord::max(BYTES - originals, MIN_ACCOUNT_BYTES))
    }

    /// Deletes the least recently used variants until the others fit the limit.
    async fn evict(&self, limit: Limit) -> Result<()> {
        let (count, bytes) = usage(self.db.read(), &limit.variants).await?;
        let fits = |count: i64, bytes: i64| {
            count <= limit.count && bytes.saturating_add(limit.additional) <= limit.bytes
        };
        if fits(count, bytes) {
            return Ok(());
        }
        self.variant_uses.flush(&self.db).await?;
        let oldest = Entity::find().find_also_related(media::Entity).filter(limit.variants.clone());
        let oldest = oldest.order_by_asc(Column::UsedAt).order_by_asc(Column::Name).limit(BATCH);
        let (mut count, mut bytes, mut victims) = (count, bytes, Vec::new());
        for (variant, image) in oldest.all(self.db.read()).await? {
            let Some(image) = image.filter(|_| !fits(count, bytes)) else { break };
            (count, bytes) = (count - 1, bytes - variant.size);
            victims.push((orphans::variant_stem(&image.key, &variant.name), variant));
        }
        self.delete_variants(victims).await
    }

    /// Deletes rows, and marks their blobs for deletion in the same transaction.
    async fn delete_variants(&self, victims: Vec<(String, Model)>) -> Result<()> {
        let stems: Vec<String> = victims.iter().map(|(stem, _)| stem.clone()).collect();
        let now = self.clock.now();
        self.db
            .write(async move |tx| {
                for (stem, variant) in victims {
                    orphans::mark_for_deletion(&tx, &stem, now).await?;
                    Entity::delete_by_id((variant.media_id, variant.name)).exec(&*tx).await?;
                }
                Ok::<_, Error>(())
            })
            .await?;
        self.delete_blobs(&stems).await;
        Ok(())
    }

    async fn delete_blobs(&self, stems: &[String]) {
        for stem in stems {
            orphans::delete_blobs(&self.db, &self.blobs, stem)
                .await
                .ok_or_log("deleting the blob of an image variant");
        }
    }

    /// Stores the last uses of variants.
    pub async fn flush(&self) -> Result<()> {
        self.variant_uses.flush(&self.db).await
    }
}

/// Inserts the row of a variant, and returns true. If the image was deleted meanwhile, marks the blob for deletion.
async fn claim(tx: &Tx, image: Uuid, orphan: &str, variant: ActiveModel, now: i64) -> Result<bool> {
    if media::Entity::find_by_id(image).lock_shared().one(&**tx).await?.is_none() {
        orphans::mark_for_deletion(tx, orphan, now).await?;
        return Ok(false);
    }
    orphans::claim(tx, orphan).await?;
    let update = OnConflict::columns([Column::MediaId, Column::Name])
        .update_columns([Column::Size, Column::UsedAt])
        .to_owned();
    Entity::insert(variant).on_conflict(update).exec_without_returning(&**tx).await?;
    Ok(true)
}

fn of_account(account: Uuid) -> Condition {
    let images = media::Entity::find()
        .select_only()
        .column(media::Column::Id)
        .filter(media::Column::UploadedBy.eq(account))
        .into_query();
    Condition::all().add(Column::MediaId.in_subquery(images))
}

/// Returns the number of variants that match a condition, and their bytes.
async fn usage<C: ConnectionTrait>(db: &C, variants: &Condition) -> Result<(i64, i64)> {
    let bytes = Expr::col((Entity, Column::Size)).sum().cast_as(Alias::new("bigint")).if_null(0);
    let usage: Option<(i64, i64)> = Entity::find()
        .filter(variants.clone())
        .select_only()
        .column_as(Column::Name.count(), "count")
        .expr_as(bytes, "bytes")
        .into_tuple()
        .one(db)
        .await?;
    Ok(usage.unwrap_or_default())
}
