//! What may happen to pictures. The only writer of the `media` table.
use std::{
    collections::HashMap,
    num::NonZero,
    sync::{Arc, Mutex, Weak},
    thread,
};

use entity::media;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, IntoSimpleExpr, ModelTrait, QueryFilter,
    QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    leftovers,
    stored::{PARTS, filename, format_of, named, stem},
    types::{Media, MediaPatch, MediaQuery},
};
use crate::{
    contract::{
        answer::Resource,
        caller::{Principal, class},
        cursor::{CursorKey, Key, Slice, SortKey},
        etag::{ETag, Precondition},
        event::{Audience, EventType, of},
        id::Id,
        or_log::OrLog,
        page::Page,
        patch::Given,
        problem::{Error, Result},
        text::{containing, folded, trimmed},
    },
    pictures::Format,
    ports::{
        blobs::Blobs,
        clock::Clock,
        db::{Db, Tx},
    },
    resources::standing::still_there,
};

#[derive(Clone)]
pub struct MediaLibrary {
    pub(super) db: Db,
    pub(super) clock: Clock,
    cursors: CursorKey,
    pub(super) blobs: Blobs,
    /// Turns at making pictures harmless, and at making other sizes of them, half of the cores for each: one picture takes
    /// up to 256 MiB, and who looks at pictures keeps nobody from uploading.
    pub(super) cleaning: Arc<Semaphore>,
    pub(super) sizing: Arc<Semaphore>,
    /// Variants that are being made, each once however many ask for it.
    pub(super) making: Arc<Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>>,
    /// Places to wait for a turn.
    pub(super) asking: Arc<Semaphore>,
    /// Variants that would take too much.
    pub(super) impossible: Arc<Mutex<HashMap<String, Option<i64>>>>,
}

/// How many wait for sizes of pictures at a time.
const ASKING: usize = 32;

impl MediaLibrary {
    pub fn new(db: Db, clock: Clock, cursors: CursorKey, blobs: Blobs) -> Self {
        let cores = thread::available_parallelism().map_or(2, NonZero::get);
        let [cleaning, sizing] = [(); 2].map(|()| Arc::new(Semaphore::new(cores.div_ceil(2))));
        let asking = Arc::new(Semaphore::new(ASKING));
        let (making, impossible) = (Arc::default(), Arc::default());
        MediaLibrary { db, clock, cursors, blobs, cleaning, sizing, making, asking, impossible }
    }

    /// The version of every list of pictures for this caller.
    pub async fn list_etag(&self, caller: &Principal, target: &str) -> Result<ETag> {
        let version = self.db.versions(&["media"]).await?;
        Ok(ETag::weak(&["media", &version.to_string(), &class(Some(caller)), target]))
    }

    pub async fn list(&self, caller: &Principal, query: &MediaQuery) -> Result<Page<Media>> {
        let mut find = media::Entity::find();
        if !caller.role.edits() {
            find = find.filter(media::Column::UploadedBy.eq(caller.user));
        }
        if let Some(user) = query.uploaded_by {
            find = find.filter(media::Column::UploadedBy.eq(user.0));
        }
        if let Some(kind) = query.media_type {
            find = find.filter(media::Column::MediaType.eq(named(kind)));
        }
        for word in query.q.as_deref().map(folded).unwrap_or_default().split_whitespace() {
            find = find.filter(media::Column::Search.into_simple_expr().like(containing(word)));
        }
        let sort = query.sort.as_deref().unwrap_or("-createdAt");
        let (name, descending) = (sort.trim_start_matches('-'), sort.starts_with('-'));
        let column = match name {
            "filename" => media::Column::Filename,
            "size" => media::Column::Size,
            _ => media::Column::CreatedAt,
        };
        let key = |column: media::Column| SortKey { column: column.into_simple_expr(), descending };
        let slice = Slice {
            key: &self.cursors,
            list: format!("media {:?} {:?} {:?} {sort}", query.q, query.media_type, query.uploaded_by),
            order: vec![key(column), key(media::Column::Id)],
            paging: &query.paging,
        };
        let place = |row: &media::Model| {
            let first = match name {
                "filename" => Key::Text(row.filename.clone()),
                "size" => Key::Number(row.size),
                _ => Key::Number(row.created_at),
            };
            vec![first, Key::Id(row.id)]
        };
        let (found, pagination) = slice.page(self.db.read(), find, |find| find, place).await?;
        Ok(Page { data: found.into_iter().map(Media::from).collect(), pagination })
    }

    pub async fn read(&self, caller: &Principal, id: Id<Media>) -> Result<Media> {
        let row = media::Entity::find_by_id(id.0).one(self.db.read()).await?;
        row.filter(|row| may(caller, row)).map(Media::from).ok_or(Error::NotFound("picture"))
    }

    pub async fn patch(
        &self,
        caller: &Principal,
        id: Id<Media>,
        patch: MediaPatch,
        when: Precondition,
    ) -> Result<Media> {
        let (caller, now) = (caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = held(&tx, &caller, id, &when).await?;
                let format = format_of(&row.key).unwrap_or(Format::Jpeg);
                let name =
                    patch.filename.map_or_else(|| row.filename.clone(), |name| filename(Some(&name), format));
                let alt =
                    patch.alt.over(row.alt.clone()).map(|alt| trimmed(&alt)).filter(|alt| !alt.is_empty());
                let version = row.version + 1;
                let (focus_x, focus_y) =
                    (point(patch.focus_x, row.focus_x), point(patch.focus_y, row.focus_y));
                let same =
                    (&name, &alt, focus_x, focus_y) == (&row.filename, &row.alt, row.focus_x, row.focus_y);
                if same {
                    return Ok(Media::from(row));
                }
                let mut row = row.into_active_model();
                row.search = Set(folded(&format!("{name} {}", alt.as_deref().unwrap_or_default())));
                (row.filename, row.alt) = (Set(name), Set(alt));
                (row.focus_x, row.focus_y) = (Set(focus_x), Set(focus_y));
                (row.version, row.updated_at) = (Set(version), Set(now));
                let row = row.update(&*tx).await?;
                tell(&tx, EventType::MediaUpdated, &row, now).await?;
                Ok(Media::from(row))
            })
            .await
    }

    /// Takes a picture away, and after the commit the bytes of it and of all its variants.
    pub async fn remove(&self, caller: &Principal, id: Id<Media>, when: Precondition) -> Result<()> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let gone = self
            .db
            .write(async move |tx| {
                let row = held(&tx, &caller, id, &when).await?;
                let gone = stem(&row.key).to_owned();
                leftovers::doom(&tx, &gone, now).await?;
                row.clone().delete(&*tx).await?;
                let last = media::Model { version: row.version + 1, ..row };
                tell(&tx, EventType::MediaDeleted, &last, now).await?;
                Ok::<_, Error>(gone)
            })
            .await?;
        leftovers::clear(&self.db, &self.blobs, &gone).await.or_log("taking the bytes of a picture away");
        Ok(())
    }

    /// Takes away what uploads and removals have left behind, whichever process it was.
    pub async fn sweep(&self) -> Result<()> {
        leftovers::sweep(&self.db, &self.blobs, self.clock.now()).await
    }

    /// Takes away what uploads that were broken off have left on this machine.
    pub async fn tidy(&self) {
        self.blobs.scratch().sweep(self.clock.now()).await.or_log("sweeping uploads that were broken off");
    }
}

/// Whoever has uploaded pictures is deleted: the pictures stay, and say no more whose they were.
pub async fn forget_uploader(tx: &Tx, user: Uuid, now: i64) -> Result<()> {
    let known = media::Entity::update_many()
        .col_expr(media::Column::UploadedBy, Option::<Uuid>::None.into())
        .col_expr(media::Column::Version, Expr::col(media::Column::Version).add(1))
        .col_expr(media::Column::UpdatedAt, now.into())
        .filter(media::Column::UploadedBy.eq(user));
    if known.exec(&**tx).await?.rows_affected > 0 {
        tx.touch("media").await?;
    }
    Ok(())
}

/// Lists change, and what happened to a picture is told to those who look after it.
pub(super) async fn tell(tx: &Tx, kind: EventType, row: &media::Model, now: i64) -> Result<()> {
    let (href, audience) = (format!("/api/media/{}", row.id), Audience::Editors(row.uploaded_by));
    tx.tell(of(kind, row.id, href, row.version, audience, now));
    tx.touch("media").await?;
    Ok(())
}

/// A point as it is kept.
fn point(given: Given<f64>, current: Option<i64>) -> Option<i64> {
    match given {
        Given::Absent => current,
        Given::Null => None,
        Given::Value(part) => Some((part * PARTS).round() as i64),
    }
}

/// Authors look after their own pictures, editors after all.
fn may(caller: &Principal, row: &media::Model) -> bool {
    caller.role.edits() || row.uploaded_by == Some(caller.user)
}

/// The row for a change, if it is there, the caller's and the version that is meant.
async fn held(tx: &Tx, caller: &Principal, id: Id<Media>, when: &Precondition) -> Result<media::Model> {
    still_there(tx, caller).await?;
    let row = media::Entity::find_by_id(id.0).lock_exclusive().one(&**tx).await?;
    let row = row.filter(|row| may(caller, row)).ok_or(Error::NotFound("picture"))?;
    when.check(&Media::from(row.clone()).etag())?;
    Ok(row)
}
