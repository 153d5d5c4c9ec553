//! Media service: rules, queries and deletes. Only this folder writes the `media` table.
use std::{
    collections::HashMap,
    num::NonZero,
    sync::{Arc, Weak},
    thread,
};

use entity::media;
use parking_lot::Mutex;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, IntoSimpleExpr, ModelTrait, QueryFilter,
    QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    keys::{FOCUS_SCALE, filename, format_of, stem},
    orphans,
    sizes::VariantSizes,
    types::{Media, MediaPatch, MediaQuery},
    variant_uses::VariantUses,
};
use crate::{
    config::MediaConfig,
    domain::{
        event::{Audience, EventType},
        id::Id,
        result_ext::ResultExt,
        search::search_key,
    },
    http::{
        auth::{Ownership, Principal, cache_key},
        cursor::{CursorKey, PageQuery, SortKey, SortValue},
        etag::{ETag, Precondition},
        image_upload::MAX_FORM_OVERHEAD,
        merge_patch::Patch,
        pagination::Page,
        problem::{Error, Result},
        response::Resource,
        search::like_contains,
    },
    images::{Format, Limits},
    infra::{
        audit_log::Changes,
        blobs::Blobs,
        client_permits::{ClientPermits, PermitLimits},
        clock::Clock,
        db::{Db, Tx},
    },
    resources::accounts::active::lock_active,
};

#[derive(Clone)]
pub struct MediaLibrary {
    pub(super) db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
    pub(super) blobs: Blobs,
    pub(super) sizes: VariantSizes,
    /// The limits of an uploaded image.
    pub limits: Limits,
    /// Maximum bytes of the variants of all images.
    pub(super) variants_bytes: i64,
    pub(super) variant_uses: VariantUses,
    /// Permits to sanitize uploads and to make variants, half of the cores each. One image needs up to 7 bytes of memory per
    /// pixel and 4 times the bytes of an upload, by default 414 MiB. Separate permits keep a burst of variant requests from
    /// blocking uploads.
    pub(super) upload_permits: Arc<Semaphore>,
    pub(super) variant_permits: ClientPermits,
    /// Variants in progress, by blob key: concurrent requests for the same variant wait for the first one.
    pub(super) in_progress: Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>,
    /// Variants that failed, by blob key, with the time until which they are not retried; `None` means never
    /// retry.
    pub(super) failed: Arc<Mutex<HashMap<String, Option<i64>>>>,
}

/// Returns the numbers of variants that are made or waited for at the same time. A quarter of them per client, which is at
/// least as many as the reads of one connected client.
fn variant_shares(cores: usize) -> PermitLimits {
    let (running, per_client) = (cores.div_ceil(2), (2 * cores).max(8));
    PermitLimits {
        running,
        running_per_client: running.div_ceil(2),
        accepted: 4 * per_client,
        accepted_per_client: per_client,
    }
}

impl MediaLibrary {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, blobs: Blobs, config: &MediaConfig) -> Self {
        let cores = thread::available_parallelism().map_or(2, NonZero::get);
        let upload_permits = Arc::new(Semaphore::new(cores.div_ceil(2)));
        let variant_permits = ClientPermits::new(variant_shares(cores));
        let (in_progress, failed) = (Arc::default(), Arc::default());
        MediaLibrary {
            db,
            clock,
            cursors,
            blobs,
            sizes: VariantSizes::new(&config.media_sizes),
            limits: Limits { bytes: config.media_max_bytes.0, pixels: config.media_max_pixels.0 },
            variants_bytes: i64::try_from(config.media_variants_bytes.0).unwrap_or(i64::MAX),
            variant_uses: VariantUses::default(),
            upload_permits,
            variant_permits,
            in_progress,
            failed,
        }
    }

    /// Returns the maximum bytes of a form with an image.
    pub fn max_form_bytes(&self) -> usize {
        usize::try_from(self.limits.bytes).unwrap_or(usize::MAX).saturating_add(MAX_FORM_OVERHEAD)
    }

    /// Returns the weak ETag of a list, which changes with every change of the `media` table.
    pub async fn list_etag(&self, caller: &Principal, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["media"]).await?;
        let (version, caller) = (version.to_string(), cache_key(Some(caller)));
        Ok(ETag::weak_from_parts(&["media", &version, &caller, target, &self.sizes.text()]))
    }

    pub async fn list(&self, caller: &Principal, query: &MediaQuery) -> Result<Page<Media>> {
        let mut find = media::Entity::find();
        if !caller.role.is_editor() {
            find = find.filter(media::Column::UploadedBy.eq(caller.user));
        }
        if let Some(user) = query.uploaded_by {
            find = find.filter(media::Column::UploadedBy.eq(user.0));
        }
        if let Some(kind) = query.media_type {
            find = find.filter(media::Column::MediaType.eq(kind));
        }
        for term in query.q.as_deref().map(search_key).unwrap_or_default().split_whitespace() {
            find = find.filter(media::Column::Search.into_simple_expr().like(like_contains(term)));
        }
        let sort = query.sort.as_deref().unwrap_or("-createdAt");
        let (name, descending) = (sort.trim_start_matches('-'), sort.starts_with('-'));
        let column = match name {
            "filename" => media::Column::Filename,
            "size" => media::Column::Size,
            _ => media::Column::CreatedAt,
        };
        let key = |column: media::Column| SortKey { column: column.into_simple_expr(), descending };
        let slice = PageQuery {
            cursor_key: &self.cursors,
            list_id: format!("media {:?} {:?} {:?} {sort}", query.q, query.media_type, query.uploaded_by),
            order: vec![key(column), key(media::Column::Id)],
            params: &query.paging,
        };
        let position = |row: &media::Model| {
            let first = match name {
                "filename" => SortValue::Text(row.filename.clone()),
                "size" => SortValue::Number(row.size),
                _ => SortValue::Number(row.created_at),
            };
            vec![first, SortValue::Id(row.id)]
        };
        let (rows, pagination) = slice.fetch(self.db.read(), find, |find| find, position).await?;
        let data = rows.into_iter().map(|row| Media::new(row, &self.sizes)).collect();
        Ok(Page { data, pagination })
    }

    pub async fn get(&self, caller: &Principal, id: Id<Media>) -> Result<Media> {
        let row = media::Entity::find_by_id(id.0).one(self.db.read()).await?;
        let row = row.filter(|row| manages(caller, row)).ok_or(Error::NotFound("image"))?;
        Ok(Media::new(row, &self.sizes))
    }

    pub async fn update(
        &self,
        caller: &Principal,
        id: Id<Media>,
        patch: MediaPatch,
        precondition: Precondition,
    ) -> Result<Media> {
        let (caller, now, sizes) = (caller.clone(), self.clock.now(), self.sizes.clone());
        self.db
            .write(async move |tx| {
                let row = load_for_update(&tx, &caller, id, &precondition, &sizes).await?;
                let format = format_of(&row.key).unwrap_or(Format::Jpeg);
                let name =
                    patch.filename.map_or_else(|| row.filename.clone(), |name| filename(Some(&name), format));
                let alt: Option<String> = patch.alt.apply_to(row.alt.clone()).filter(|alt| !alt.is_empty());
                let version = row.version + 1;
                let (focus_x, focus_y) = (
                    stored_coordinate(patch.focus_x, row.focus_x),
                    stored_coordinate(patch.focus_y, row.focus_y),
                );
                let unchanged =
                    (&name, &alt, focus_x, focus_y) == (&row.filename, &row.alt, row.focus_x, row.focus_y);
                if unchanged {
                    return Ok(Media::new(row, &sizes));
                }
                let before = row.clone();
                let mut row = row.into_active_model();
                row.search = Set(search_key(&format!("{name} {}", alt.as_deref().unwrap_or_default())));
                (row.filename, row.alt) = (Set(name), Set(alt));
                (row.focus_x, row.focus_y) = (Set(focus_x), Set(focus_y));
                (row.version, row.updated_at) = (Set(version), Set(now));
                let row = row.update(&*tx).await?;
                tx.record_changes(id, Changes::between(&before, &row));
                emit(&tx, EventType::MediaUpdated, &row, now).await?;
                Ok(Media::new(row, &sizes))
            })
            .await
    }

    /// Deletes an image. Its blobs and those of its variants are deleted after the commit.
    pub async fn delete(&self, caller: &Principal, id: Id<Media>, precondition: Precondition) -> Result<()> {
        let (caller, now, sizes) = (caller.clone(), self.clock.now(), self.sizes.clone());
        let deleted_stem = self
            .db
            .write(async move |tx| {
                let row = load_for_update(&tx, &caller, id, &precondition, &sizes).await?;
                let blob_stem = stem(&row.key).to_owned();
                orphans::mark_for_deletion(&tx, &blob_stem, now).await?;
                row.clone().delete(&*tx).await?;
                let deleted = media::Model { version: row.version + 1, ..row };
                emit(&tx, EventType::MediaDeleted, &deleted, now).await?;
                Ok::<_, Error>(blob_stem)
            })
            .await?;
        orphans::delete_blobs(&self.db, &self.blobs, &deleted_stem)
            .await
            .ok_or_log("deleting the blobs of an image");
        Ok(())
    }

    /// Deletes orphaned blobs of uploads and deletes, of any process.
    pub async fn sweep(&self) -> Result<()> {
        orphans::sweep(&self.db, &self.blobs, self.clock.now()).await
    }

    /// Deletes the temporary files of canceled uploads on this machine.
    pub async fn delete_temporary_files(&self) {
        self.blobs
            .temp_dir()
            .sweep(self.clock.now())
            .await
            .ok_or_log("deleting the temporary files of canceled uploads");
    }
}

/// Clears the uploader of an account's images when the account is deleted. The images remain.
pub async fn clear_uploader(tx: &Tx, user: Uuid, now: i64) -> Result<()> {
    let images = media::Entity::update_many()
        .col_expr(media::Column::UploadedBy, Option::<Uuid>::None.into())
        .col_expr(media::Column::Version, Expr::col(media::Column::Version).add(1))
        .col_expr(media::Column::UpdatedAt, now.into())
        .filter(media::Column::UploadedBy.eq(user));
    if images.exec(&**tx).await?.rows_affected > 0 {
        tx.touch("media").await?;
    }
    Ok(())
}

/// Emits an event to editors and the uploader, and invalidates the cached lists.
pub(super) async fn emit(tx: &Tx, kind: EventType, row: &media::Model, now: i64) -> Result<()> {
    let owner = |uploader| Audience::Owner(Ownership::Content, uploader);
    let (href, audience) =
        (format!("/api/media/{}", row.id), row.uploaded_by.map_or(Audience::Editors, owner));
    tx.emit(kind, row.id, href, row.version, audience, now);
    tx.touch("media").await?;
    Ok(())
}

/// Returns a focus coordinate as stored, in units of 1/[`FOCUS_SCALE`].
fn stored_coordinate(given: Patch<f64>, current: Option<i64>) -> Option<i64> {
    match given {
        Patch::Absent => current,
        Patch::Null => None,
        Patch::Value(coordinate) => Some((coordinate * FOCUS_SCALE).round() as i64),
    }
}

/// Returns whether the caller manages this image: authors manage their own images, editors all.
fn manages(caller: &Principal, row: &media::Model) -> bool {
    match row.uploaded_by {
        Some(uploader) => caller.edits(Ownership::Content, uploader),
        None => caller.role.is_editor(),
    }
}

/// Locks the row for an update, after checking that the caller may change it and that the precondition holds.
async fn load_for_update(
    tx: &Tx,
    caller: &Principal,
    id: Id<Media>,
    precondition: &Precondition,
    sizes: &VariantSizes,
) -> Result<media::Model> {
    lock_active(tx, caller).await?;
    let row = media::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    let row = row.filter(|row| manages(caller, row)).ok_or(Error::NotFound("image"))?;
    precondition.check(&Media::new(row.clone(), sizes).etag())?;
    Ok(row)
}
