//! Uploads: reads the form as a stream, removes the metadata of the image and stores it once per account.
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use entity::{media, user};
use ring::digest::{Context, SHA256};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{
    keys::{filename, hex, media_type, new_stem, original, pack, stem},
    orphans,
    service::{MediaLibrary, emit},
    types::Media,
};
use crate::{
    domain::{event::EventType, result_ext::ResultExt, search::search_key, text::trim},
    http::{
        auth::Principal,
        idempotency::{IdempotentRequest, Outcome, id_of_location, run_once},
        image_upload::{MAX_ALT_CHARS, accepted_media_types},
        multipart::{Multipart, Part},
        problem::{Error, Result},
    },
    images::{self, ImageError, Limits, SanitizedImage},
    infra::{
        blobs::TempFile,
        db::Tx,
        traces::{SpanKind, in_span},
    },
    resources::accounts::active::lock_active,
    schema::ErrorCode,
};

/// Quota of one account: 1 GiB and 10,000 files.
pub(super) const BYTES: i64 = 1 << 30;
const FILES: i64 = 10_000;

/// An uploaded file before it is decoded.
pub struct UploadedFile {
    pub file: TempFile,
    pub filename: Option<String>,
    pub alt: Option<String>,
    digest: Vec<u8>,
}

impl UploadedFile {
    /// Returns the bytes by which a repeated request is recognized: the digest of the file, its name and its
    /// alt text.
    fn digest(&self) -> Vec<u8> {
        let fields = format!("{:?} {:?}", self.filename, self.alt);
        [self.digest.as_slice(), fields.as_bytes()].concat()
    }
}

impl MediaLibrary {
    /// Reads an image from a form and stores it.
    pub async fn upload(
        &self,
        caller: &Principal,
        form: Multipart,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Media>> {
        // A body without `Content-Length` passes the check of its length.
        let mut form = form.with_limit(self.max_form_bytes());
        self.check_quota(self.db.read(), caller.user, 0).await?;
        let upload = self.read_form(&mut form).await?;
        let attempt = attempt.map(|attempt| attempt.with_body_digest(&upload.digest()));
        self.store(caller, upload, attempt).await
    }

    /// Reads the form to its end: a `file` part and an optional `alt` part.
    async fn read_form(&self, form: &mut Multipart) -> Result<UploadedFile> {
        let (mut sent, mut alt) = (None, None);
        while let Some(part) = form.next_part().await? {
            match part.name.as_str() {
                "file" if sent.is_some() => return Err(duplicate_part("#/file")),
                "file" => sent = Some(self.read_file(form, part).await?),
                "alt" if alt.is_some() => return Err(duplicate_part("#/alt")),
                "alt" => alt = Some(read_text(form).await?),
                other => {
                    let other: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                    let message = "unknown part: this form has the parts `file` and `alt`";
                    return Err(Error::invalid_field(&format!("#/{other}"), ErrorCode::Unknown, message));
                }
            }
        }
        let missing = || {
            Error::invalid_field("#/file", ErrorCode::Required, "is required: send the image in this part")
        };
        Ok(UploadedFile { alt: alt.filter(|alt| !alt.is_empty()), ..sent.ok_or_else(missing)? })
    }

    /// Writes the file part to a temporary file. The size limit and the magic bytes are checked while it
    /// streams in.
    async fn read_file(&self, form: &mut Multipart, part: Part) -> Result<UploadedFile> {
        let mut file = self.blobs.temp_dir().create_file().await.map_err(blob_error)?;
        let (mut head, mut size, mut hash) = (Vec::new(), 0, Context::new(&SHA256));
        let mut sniffed = false;
        while let Some(chunk) = form.next_chunk().await? {
            size += chunk.len() as u64;
            if size > self.limits.bytes {
                let max = self.limits.bytes;
                return Err(Error::PayloadTooLarge(format!("file: must be at most {max} bytes, got more")));
            }
            head.extend(chunk.iter().copied().take(HEAD.saturating_sub(head.len())));
            if !sniffed && head.len() == HEAD {
                images::check_format(&head).map_err(|error| map_error(error, &self.limits))?;
                sniffed = true;
            }
            hash.update(&chunk);
            file.write(&chunk).await.map_err(blob_error)?;
        }
        if size == 0 {
            return Err(Error::invalid_field(
                "#/file",
                ErrorCode::TooShort,
                "must not be empty: send an image",
            ));
        }
        file.flush_and_rewind().await.map_err(blob_error)?;
        let digest = hash.finish().as_ref().to_vec();
        Ok(UploadedFile { file, filename: part.filename, alt: None, digest })
    }

    /// Stores an image: first its bytes, then its row, which claims them.
    pub async fn store(
        &self,
        caller: &Principal,
        upload: UploadedFile,
        attempt: Option<IdempotentRequest>,
    ) -> Result<Outcome<Media>> {
        let UploadedFile { file, filename: name, alt, .. } = upload;
        let path = file.path().to_owned();
        let clean = sanitize(self.upload_permits.clone(), path, self.limits, file).await?;
        let (fresh, now) = (new_stem()?, self.clock.now());
        let row = new_row(Some(caller.user), &fresh, &clean, name.as_deref(), alt, now);
        let existing = find_duplicate(self.db.read(), Some(caller.user), &row.sha256).await?;
        if existing.is_none() {
            self.check_quota(self.db.read(), caller.user, row.size).await?;
            self.write(&row, clean).await?;
        }
        let (library, uploader, blob_key) = (self.clone(), caller.clone(), row.key.clone());
        let bytes_written = existing.is_none();
        let work = async move |tx: Tx| library.claim(&tx, &uploader, row, bytes_written).await;
        let reload = |location: String| async move { self.get(caller, id_of_location(&location)?).await };
        let stored = run_once(&self.db, attempt, work, reload).await;
        let claimed_here = matches!(&stored, Ok(Outcome::New(media)) if media.new);
        if bytes_written && !claimed_here {
            orphans::delete_if_orphaned(&self.db, &self.blobs, &blob_key, now)
                .await
                .ok_or_log("deleting the blobs of a failed upload");
        }
        if claimed_here {
            self.shrink_variants(caller.user).await.ok_or_log("deleting image variants beyond the quota");
        }
        stored
    }

    /// Stores an image from a local file, without an owner. Returns its URL and whether it is new. A dry run
    /// decodes the file and stores nothing.
    pub async fn import(&self, file: &Path, dry_run: bool) -> Result<(String, bool)> {
        let clean = sanitize(self.upload_permits.clone(), file.to_owned(), self.limits, ()).await?;
        let (fresh, now) = (new_stem()?, self.clock.now());
        let name = file.file_name().and_then(|name| name.to_str());
        let row = new_row(None, &fresh, &clean, name, None, now);
        if let Some(existing) = find_duplicate(self.db.read(), None, &row.sha256).await? {
            return Ok((format!("/media/{}", existing.key), false));
        }
        let url = format!("/media/{}", row.key);
        if !dry_run {
            self.write(&row, clean).await?;
            self.db
                .write(async move |tx| {
                    orphans::claim(&tx, &fresh).await?;
                    media::ActiveModel::from(row.clone()).reset_all().insert(&*tx).await?;
                    emit(&tx, EventType::MediaCreated, &row, now).await?;
                    Ok::<_, Error>(())
                })
                .await?;
        }
        Ok((url, true))
    }

    /// Writes the bytes of a row that is not inserted yet. The stem is registered first, so that a crash
    /// leaves no orphaned blob.
    async fn write(&self, row: &media::Model, clean: SanitizedImage) -> Result<()> {
        orphans::register(&self.db, stem(&row.key), row.created_at).await?;
        self.blobs.put(&original(&row.key), clean.bytes.into()).await.map_err(blob_error)
    }

    /// Inserts the row of an image, or returns the account's existing row with the same SHA-256.
    async fn claim(
        &self,
        tx: &Tx,
        caller: &Principal,
        row: media::Model,
        bytes_written: bool,
    ) -> Result<Media> {
        // The lock on the account serializes its uploads: two concurrent uploads could exceed the quota
        // together.
        user::Entity::find_by_id(caller.user).lock_exclusive().one(&**tx).await?;
        lock_active(tx, caller).await?;
        if let Some(existing) = find_duplicate(&**tx, Some(caller.user), &row.sha256).await? {
            return Ok(Media::new(existing, &self.sizes));
        }
        if !bytes_written {
            return Err(Error::Conflict("the same image was deleted during the upload: send it again"));
        }
        self.check_quota(&**tx, caller.user, row.size).await?;
        orphans::claim(tx, stem(&row.key)).await?;
        media::ActiveModel::from(row.clone()).reset_all().insert(&**tx).await?;
        emit(tx, EventType::MediaCreated, &row, row.created_at).await?;
        Ok(Media { new: true, ..Media::new(row, &self.sizes) })
    }

    /// Checks that `additional` bytes and one more file fit the quota of the account. Its variants do not count here:
    /// they are deleted if they do not fit beside the originals.
    async fn check_quota<C: ConnectionTrait>(&self, db: &C, user: Uuid, additional: i64) -> Result<()> {
        let (files, bytes) = original_bytes(db, user).await?;
        match files < FILES && bytes + additional <= BYTES {
            true => Ok(()),
            false => Err(Error::Conflict(
                "the media quota of 10,000 files or 1 GiB is used up: delete some images first",
            )),
        }
    }
}

/// Returns the number of originals of an account, and their bytes.
pub(super) async fn original_bytes<C: ConnectionTrait>(db: &C, user: Uuid) -> Result<(i64, i64)> {
    let bytes = Expr::col(media::Column::Size).sum().cast_as(Alias::new("bigint")).if_null(0);
    let usage: Option<(i64, i64)> = media::Entity::find()
        .filter(media::Column::UploadedBy.eq(user))
        .select_only()
        .column_as(media::Column::Id.count(), "files")
        .expr_as(bytes, "bytes")
        .into_tuple()
        .one(db)
        .await?;
    Ok(usage.unwrap_or_default())
}

/// Length of the file header that identifies the format, in bytes.
const HEAD: usize = 12;

/// Sanitizes an image on a blocking thread. `permits` bounds how many run at a time.
async fn sanitize(
    permits: Arc<Semaphore>,
    path: PathBuf,
    limits: Limits,
    file: impl Send + 'static,
) -> Result<SanitizedImage> {
    let permit = permits.acquire_owned().await.map_err(|error| Error::Internal(error.to_string()))?;
    let work = tokio::task::spawn_blocking(move || {
        let clean = images::sanitize(&path, limits);
        // The file and the permit live until the work ends, even if the request is canceled meanwhile.
        drop((file, permit));
        clean
    });
    let clean = in_span("images.sanitize", SpanKind::Internal, work).await;
    clean.map_err(|error| Error::Internal(error.to_string()))?.map_err(|error| map_error(error, &limits))
}

/// Maps an image error to an API error.
fn map_error(why: ImageError, limits: &Limits) -> Error {
    let message = why.message(limits);
    match why {
        ImageError::UnknownFormat => Error::UnsupportedMediaType(
            "file",
            format!("unsupported media type: must be one of {}", accepted_media_types()),
        ),
        ImageError::UnsupportedEncoding | ImageError::Unsupported(_) => {
            Error::UnsupportedMediaType("file", message)
        }
        ImageError::TooLarge => Error::PayloadTooLarge(message),
        ImageError::Unreadable(_) => Error::Internal(message),
        _ => Error::invalid_field("#/file", ErrorCode::Invalid, &message),
    }
}

/// Builds the row of a new image.
fn new_row(
    user: Option<Uuid>,
    stem: &str,
    clean: &SanitizedImage,
    name: Option<&str>,
    alt: Option<String>,
    now: i64,
) -> media::Model {
    let filename = filename(name, clean.format);
    let digest = ring::digest::digest(&SHA256, &clean.bytes);
    media::Model {
        id: Uuid::now_v7(),
        key: format!("{stem}.{}", clean.format.extension()),
        search: search_key(&format!("{filename} {}", alt.as_deref().unwrap_or_default())),
        filename,
        media_type: media_type(clean.format),
        size: clean.bytes.len() as i64,
        width: i64::from(clean.width),
        height: i64::from(clean.height),
        sha256: hex(digest.as_ref()),
        blurhash: clean.blurhash.clone(),
        dominant_color: Some(pack(clean.dominant_color).into()),
        focus_x: None,
        focus_y: None,
        alt,
        uploaded_by: user,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// Finds the image with the same SHA-256 of the same owner; `None` means the imported images.
async fn find_duplicate<C: ConnectionTrait>(
    db: &C,
    user: Option<Uuid>,
    sha256: &str,
) -> Result<Option<media::Model>> {
    let owner = match user {
        Some(user) => media::Column::UploadedBy.eq(user),
        None => media::Column::UploadedBy.is_null(),
    };
    Ok(media::Entity::find().filter(owner).filter(media::Column::Sha256.eq(sha256)).one(db).await?)
}

/// Reads the text of the `alt` part.
async fn read_text(form: &mut Multipart) -> Result<String> {
    let too_long =
        || Error::invalid_field("#/alt", ErrorCode::TooLong, "must be at most 1000 characters long");
    let mut bytes = Vec::new();
    while let Some(chunk) = form.next_chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ALT_CHARS * 4 {
            return Err(too_long());
        }
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    let text =
        text.ok_or_else(|| Error::invalid_field("#/alt", ErrorCode::Encoding, "must be UTF-8 without NUL"))?;
    if text.chars().count() > MAX_ALT_CHARS { Err(too_long()) } else { Ok(trim(&text)) }
}

fn duplicate_part(place: &str) -> Error {
    Error::invalid_field(place, ErrorCode::Duplicate, "must occur only once: one upload contains one image")
}

pub(super) fn blob_error(error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::InsufficientStorage(error.to_string()),
        _ => Error::Internal(format!("the blob store failed: {error}")),
    }
}
