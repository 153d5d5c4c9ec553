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
    /// The maximum number of variants, if there is one.
    count: Option<i64>,
    bytes: i64,
    additional: i64,
}

impl MediaLibrary {
    /// Stores the bytes of a variant, and deletes others if they exceed a limit together.
    ///
    /// The blob is registered as an orphan until its row exists, so that a crash leaves no blob without a row.
    pub(super) async fn store_variant(&self, row: &media::Model, name: &str, bytes: Bytes) -> Result<()> {
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.evict_for(row, name, size).await?;
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
    async fn evict_for(&self, row: &media::Model, name: &str, size: i64) -> Result<()> {
        // The row exists if only its blob is missing.
        let replaced = Entity::find_by_id((row.id, name.to_owned())).one(self.db.read()).await?;
        let additional = size - replaced.as_ref().map_or(0, |variant| variant.size);
        let others = MAX_VARIANTS - i64::from(replaced.is_none());
        let limit = |variants: Condition, count, bytes| Limit { variants, count, bytes, additional };
        let image = Condition::all().add(Column::MediaId.eq(row.id));
        self.evict(limit(image, Some(others), MAX_BYTES)).await?;
        if let Some(account) = row.uploaded_by {
            let bytes = self.account_limit(account).await?;
            self.evict(limit(of_account(account), None, bytes)).await?;
        }
        self.evict(limit(Condition::all(), None, self.variants_bytes)).await
    }

    /// Deletes variants of an account that no longer fit its quota, after it has uploaded an image.
    pub(super) async fn shrink_variants(&self, account: Uuid) -> Result<()> {
        let bytes = self.account_limit(account).await?;
        self.evict(Limit { variants: of_account(account), count: None, bytes, additional: 0 }).await
    }

    /// Returns the bytes that the variants of an account may have: the quota that its originals leave.
    async fn account_limit(&self, account: Uuid) -> Result<i64> {
        let (_, originals) = original_bytes(self.db.read(), account).await?;
        Ok(Ord::max(BYTES - originals, MIN_ACCOUNT_BYTES))
    }

    /// Deletes the least recently used variants until the others fit the limit.
    async fn evict(&self, limit: Limit) -> Result<()> {
        let (count, bytes) = usage(self.db.read(), &limit).await?;
        let fits = |count: i64, bytes: i64| {
            limit.count.is_none_or(|max| count <= max)
                && bytes.saturating_add(limit.additional) <= limit.bytes
        };
        if fits(count, bytes) {
            return Ok(());
        }
        self.variant_uses.flush(&self.db).await.ok_or_log("storing the last uses of image variants");
        let oldest = Entity::find().find_also_related(media::Entity).filter(limit.variants.clone());
        let oldest = oldest.order_by_asc(Column::UsedAt).order_by_asc(Column::Name).limit(BATCH);
        let (mut count, mut bytes, mut victims) = (count, bytes, Vec::new());
        for (variant, image) in oldest.all(self.db.read()).await? {
            let Some(image) = image.filter(|_| !fits(count, bytes)) else { break };
            (count, bytes) = (count - 1, bytes - variant.size);
            victims.push((orphans::variant_stem(&image.key, &variant.name), variant));
        }
        // In the order in which the last uses are stored, so that two processes lock the rows in one order.
        victims.sort_by(|(_, a), (_, b)| (a.media_id, &a.name).cmp(&(b.media_id, &b.name)));
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
    if let Err(error) = orphans::claim(tx, orphan).await {
        // Another process may have stored the same variant meanwhile.
        let name = variant.name.try_as_ref().cloned().unwrap_or_default();
        let is_stored = Entity::find_by_id((image, name)).one(&**tx).await?.is_some();
        return if is_stored { Ok(true) } else { Err(error) };
    }
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

/// Returns the number of variants that a limit counts, and their bytes. Without a limit of their number, they are not
/// counted: the bytes are read from an index without the names.
async fn usage<C: ConnectionTrait>(db: &C, limit: &Limit) -> Result<(i64, i64)> {
    let bytes = Expr::col((Entity, Column::Size)).sum().cast_as(Alias::new("bigint")).if_null(0);
    let count = match limit.count {
        Some(_) => Column::Name.count(),
        None => Expr::val(0).cast_as(Alias::new("bigint")),
    };
    let find = Entity::find().filter(limit.variants.clone()).select_only();
    let usage = find.expr_as(count, "count").expr_as(bytes, "bytes").into_tuple().one(db).await?;
    Ok(usage.unwrap_or_default())
}
