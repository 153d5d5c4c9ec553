//! A picture on its way in: taken from its form piece by piece, made harmless, and kept once.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use entity::{media, user};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    leftovers,
    service::{MediaLibrary, tell},
    stored::{filename, hex, new_stem, original, stem},
    types::Media,
};
use crate::{
    contract::{
        attempt::{Attempt, Outcome, once},
        caller::Principal,
        check::ErrorCode,
        event::EventType,
        multipart::{Multipart, Part},
        or_log::OrLog,
        problem::{Error, Result},
        text::{folded, trimmed},
        upload::{ALT, FILE, kinds},
    },
    pictures::{self, Clean, Refused},
    ports::{blobs::Loose, db::Tx},
    resources::standing::still_there,
};

/// What the pictures of one account may come to.
const BYTES: i64 = 1 << 30;
const FILES: i64 = 10_000;

/// A picture as it was sent.
pub struct Sent {
    pub file: Loose,
    pub filename: Option<String>,
    pub alt: Option<String>,
    digest: Vec<u8>,
}

impl Sent {
    /// What two requests with one picture have in common.
    fn digest(&self) -> Vec<u8> {
        let words = format!("{:?} {:?}", self.filename, self.alt);
        [self.digest.as_slice(), words.as_bytes()].concat()
    }
}

impl MediaLibrary {
    /// Takes a picture out of a form, and keeps it.
    pub async fn upload(
        &self,
        caller: &Principal,
        mut form: Multipart,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Media>> {
        self.room(self.db.read(), caller.user, 0).await?;
        let sent = self.take(&mut form).await?;
        let attempt = attempt.map(|attempt| attempt.with_body(&sent.digest()));
        self.keep(caller, sent, attempt).await
    }

    /// Reads a form to its end: a file, and perhaps what it shows.
    async fn take(&self, form: &mut Multipart) -> Result<Sent> {
        let (mut sent, mut alt) = (None, None);
        while let Some(part) = form.next().await? {
            match part.name.as_str() {
                "file" if sent.is_some() => return Err(twice("#/file")),
                "file" => sent = Some(self.take_file(form, part).await?),
                "alt" if alt.is_some() => return Err(twice("#/alt")),
                "alt" => alt = Some(words(form).await?),
                other => {
                    let other: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                    let message = "is no part of this form: it has `file` and `alt`";
                    return Err(Error::at(&format!("#/{other}"), ErrorCode::Unknown, message));
                }
            }
        }
        let missing = || Error::at("#/file", ErrorCode::Required, "is required: the picture");
        Ok(Sent { alt: alt.filter(|alt| !alt.is_empty()), ..sent.ok_or_else(missing)? })
    }

    async fn take_file(&self, form: &mut Multipart, part: Part) -> Result<Sent> {
        let mut file = self.blobs.scratch().file().await.map_err(unkept)?;
        let (mut head, mut size, mut hash) = (Vec::new(), 0, Context::new(&SHA256));
        let mut told = false;
        while let Some(piece) = form.piece().await? {
            size += piece.len();
            if size > FILE {
                return Err(Error::TooLarge(format!("the picture has more than {FILE} bytes")));
            }
            head.extend(piece.iter().copied().take(HEAD.saturating_sub(head.len())));
            if !told && head.len() == HEAD {
                pictures::sniff(&head).ok_or_else(|| refused(&Refused::Kind))?;
                told = true;
            }
            hash.update(&piece);
            file.write(&piece).await.map_err(unkept)?;
        }
        if size == 0 {
            return Err(Error::at("#/file", ErrorCode::TooShort, "is empty: send a picture"));
        }
        file.flush().await.map_err(unkept)?;
        let digest = hash.finish().as_ref().to_vec();
        Ok(Sent { file, filename: part.filename, alt: None, digest })
    }

    /// Keeps a picture: its bytes first, then its row, which claims them.
    pub async fn keep(
        &self,
        caller: &Principal,
        sent: Sent,
        attempt: Option<Attempt>,
    ) -> Result<Outcome<Media>> {
        let Sent { file, filename: name, alt, .. } = sent;
        let path = file.path().to_owned();
        let clean = cleaned(self.cleaning.clone(), path, file).await?;
        let (fresh, now) = (new_stem()?, self.clock.now());
        let row = row(Some(caller.user), &fresh, &clean, name.as_deref(), alt, now);
        let known = same(self.db.read(), Some(caller.user), &row.sha256).await?;
        if known.is_none() {
            self.room(self.db.read(), caller.user, row.size).await?;
            self.write(&row, clean).await?;
        }
        let (library, caller, claimed) = (self.clone(), caller.clone(), row.key.clone());
        let written = known.is_none();
        let kept =
            once(&self.db, attempt, async move |tx| library.claim(&tx, &caller, row, written).await).await;
        let used = matches!(&kept, Ok(Outcome::Fresh(media)) if media.new);
        if written && !used {
            leftovers::orphaned(&self.db, &self.blobs, &claimed, now).await.or_log("giving up an upload");
        }
        kept
    }

    /// Keeps a picture from a file of this machine, which belongs to no account; says where it is, and whether it is
    /// new. In a dry run it is only looked at.
    pub async fn import(&self, file: &Path, dry_run: bool) -> Result<(String, bool)> {
        let clean = cleaned(self.cleaning.clone(), file.to_owned(), ()).await?;
        let (fresh, now) = (new_stem()?, self.clock.now());
        let name = file.file_name().and_then(|name| name.to_str());
        let row = row(None, &fresh, &clean, name, None, now);
        if let Some(known) = same(self.db.read(), None, &row.sha256).await? {
            return Ok((format!("/media/{}", known.key), false));
        }
        let url = format!("/media/{}", row.key);
        if !dry_run {
            self.write(&row, clean).await?;
            self.db
                .write(async move |tx| {
                    leftovers::claim(&tx, &fresh).await?;
                    media::ActiveModel::from(row.clone()).reset_all().insert(&*tx).await?;
                    tell(&tx, EventType::MediaCreated, &row, now).await?;
                    Ok::<_, Error>(())
                })
                .await?;
        }
        Ok((url, true))
    }

    /// Keeps the bytes of a row that is not there yet.
    async fn write(&self, row: &media::Model, clean: Clean) -> Result<()> {
        leftovers::note(&self.db, stem(&row.key), row.created_at).await?;
        self.blobs.put(&original(&row.key), clean.bytes.into()).await.map_err(unkept)
    }

    /// The row of a picture, unless the account has the same one already.
    async fn claim(&self, tx: &Tx, caller: &Principal, row: media::Model, written: bool) -> Result<Media> {
        // Uploads of one account take turns, so that none of them goes beyond its bounds.
        user::Entity::find_by_id(caller.user).lock_exclusive().one(&**tx).await?;
        still_there(tx, caller).await?;
        if let Some(known) = same(&**tx, Some(caller.user), &row.sha256).await? {
            return Ok(Media::from(known));
        }
        if !written {
            return Err(Error::Conflict("the same picture was deleted at this moment: send it again"));
        }
        self.room(&**tx, caller.user, row.size).await?;
        leftovers::claim(tx, stem(&row.key)).await?;
        media::ActiveModel::from(row.clone()).reset_all().insert(&**tx).await?;
        tell(tx, EventType::MediaCreated, &row, row.created_at).await?;
        Ok(Media { new: true, ..Media::from(row) })
    }

    /// Refuses a picture for which the account has no room.
    async fn room<C: ConnectionTrait>(&self, db: &C, user: Uuid, more: i64) -> Result<()> {
        #[derive(FromQueryResult)]
        struct Held {
            files: i64,
            bytes: i64,
        }
        let bytes = Expr::col(media::Column::Size).sum().cast_as(Alias::new("bigint")).if_null(0);
        let held = media::Entity::find()
            .filter(media::Column::UploadedBy.eq(user))
            .select_only()
            .column_as(media::Column::Id.count(), "files")
            .expr_as(bytes, "bytes")
            .into_model::<Held>()
            .one(db)
            .await?;
        let Held { files, bytes } = held.unwrap_or(Held { files: 0, bytes: 0 });
        match files < FILES && bytes + more <= BYTES {
            true => Ok(()),
            false => Err(Error::Conflict("your pictures fill your 10,000 files or 1 GiB: delete some first")),
        }
    }
}

/// Bytes of a file that tell what it is.
const HEAD: usize = 12;

/// Makes a picture harmless, away from the threads that serve requests and only as many at a time as there are cores.
async fn cleaned(work: Arc<Semaphore>, path: PathBuf, held: impl Send + 'static) -> Result<Clean> {
    let turn = work.acquire_owned().await.map_err(|error| Error::Internal(error.to_string()))?;
    let clean = tokio::task::spawn_blocking(move || {
        let clean = pictures::clean(&path);
        // Both are held until the work has ended, also when whoever waits for it has gone.
        drop((held, turn));
        clean
    });
    clean.await.map_err(|error| Error::Internal(error.to_string()))?.map_err(|error| refused(&error))
}

/// Why a picture is not taken.
fn refused(why: &Refused) -> Error {
    match why {
        Refused::Kind => Error::Untaken("file", format!("is of no kind that is taken: {}", kinds())),
        Refused::Coding | Refused::Animated => Error::Untaken("file", why.to_string()),
        Refused::TooLarge => Error::TooLarge(why.to_string()),
        Refused::Unreadable(_) => Error::Internal(why.to_string()),
        other => Error::at("#/file", ErrorCode::Invalid, &other.to_string()),
    }
}

fn row(
    user: Option<Uuid>,
    stem: &str,
    clean: &Clean,
    name: Option<&str>,
    alt: Option<String>,
    now: i64,
) -> media::Model {
    let filename = filename(name, clean.format);
    let digest = aws_lc_rs::digest::digest(&SHA256, &clean.bytes);
    media::Model {
        id: Uuid::now_v7(),
        key: format!("{stem}.{}", clean.format.extension()),
        search: folded(&format!("{filename} {}", alt.as_deref().unwrap_or_default())),
        filename,
        media_type: clean.format.media_type().to_owned(),
        size: clean.bytes.len() as i64,
        width: i64::from(clean.width),
        height: i64::from(clean.height),
        sha256: hex(digest.as_ref()),
        blurhash: clean.blurhash.clone(),
        focus_x: None,
        focus_y: None,
        alt,
        uploaded_by: user,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The same picture among those of the account, or among those of none.
async fn same<C: ConnectionTrait>(db: &C, user: Option<Uuid>, sha256: &str) -> Result<Option<media::Model>> {
    let whose = match user {
        Some(user) => media::Column::UploadedBy.eq(user),
        None => media::Column::UploadedBy.is_null(),
    };
    Ok(media::Entity::find().filter(whose).filter(media::Column::Sha256.eq(sha256)).one(db).await?)
}

/// A text among the parts of a form.
async fn words(form: &mut Multipart) -> Result<String> {
    let too_long = || Error::at("#/alt", ErrorCode::TooLong, "must be at most 1000 characters long");
    let mut bytes = Vec::new();
    while let Some(piece) = form.piece().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ALT * 4 {
            return Err(too_long());
        }
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text = text.ok_or_else(|| Error::at("#/alt", ErrorCode::Encoding, "must be UTF-8 without NUL"))?;
    if text.chars().count() > ALT { Err(too_long()) } else { Ok(trimmed(&text)) }
}

fn twice(place: &str) -> Error {
    Error::at(place, ErrorCode::Duplicate, "stands twice in the form: one upload is one picture")
}

pub(super) fn unkept(error: std::io::Error) -> Error {
    Error::Internal(format!("a blob cannot be kept: {error}"))
}
