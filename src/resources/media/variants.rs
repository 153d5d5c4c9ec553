//! Pictures in other sizes and forms: made when they are asked for first, once, and kept beside the picture.
use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, MutexGuard, PoisonError},
};

use entity::media;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::{
    files::{FileQuery, Fit, Form},
    leftovers,
    receive::unkept,
    service::MediaLibrary,
    stored::{PARTS, below, format_of, original, stem},
};
use crate::{
    contract::{
        check::{ErrorCode, Place, Violation},
        etag::ETag,
        picture::{Keep, Shown},
        problem::{Error, Result},
    },
    pictures::{self, Ask, Format, Refused},
    ports::blobs::Blob,
};

/// As many are kept of one picture, of so many bytes in all; the oldest go for a new one.
const MOST: usize = 64;
const BYTES: u64 = 32 << 20;
/// How many are remembered that cannot be made.
const REMEMBERED: usize = 1000;
/// For how long nobody tries again what took too long, in milliseconds.
const PAUSE: i64 = 60 * 1000;
const TOO_SLOW: Error =
    Error::Unavailable("this size took too long to make: ask for a smaller one, or later");
/// Changes whenever the same ask makes other bytes.
const REVISION: &str = "1";

/// A picture in a size and form, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    width: u32,
    height: u32,
    /// In ten-thousandths of a side; none where nothing is cut.
    focus: Option<(i64, i64)>,
    /// Whether there is more of it than the picture.
    ground: bool,
    format: Format,
}

/// What is to be shown, and where its bytes are or will be.
pub struct Wanted {
    pub shown: Shown,
    key: String,
    blob: String,
    variant: Option<Variant>,
}

impl MediaLibrary {
    /// What a client wants to see of a picture.
    pub async fn wanted(&self, key: &str, query: &FileQuery, accepted: Option<&str>) -> Result<Wanted> {
        let row = media::Entity::find().filter(media::Column::Key.eq(key)).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("picture"))?;
        let kept = format_of(&row.key).ok_or(Error::NotFound("picture"))?;
        let format = match query.format {
            // A GIF may move, and as WebP it would stand still.
            Some(Form::Auto) if kept == Format::Gif || !takes_webp(accepted) => kept,
            Some(Form::Auto | Form::Webp) => Format::Webp,
            Some(Form::Jpeg) => Format::Jpeg,
            Some(Form::Png) => Format::Png,
            Some(Form::Gif) => Format::Gif,
            None => kept,
        };
        let variant = variant(&row, query, format).filter(|it| !it.is_all_of(&row, kept));
        // Its own focus may move, and the address would not tell.
        let cut = variant.is_some_and(|variant| variant.focus.is_some());
        let keep = if cut && query.focus.is_none() { Keep::Minutes } else { Keep::ForGood };
        let (blob, etag) = match variant {
            None => (original(&row.key), ETag::of_parts(&[&row.sha256])),
            Some(variant) => {
                let name = variant.name();
                let etag = ETag::of_parts(&[&row.sha256, &name, REVISION]);
                (format!("{}/{name}", below(stem(&row.key))), etag)
            }
        };
        let name = row.filename.rsplit_once('.').map_or(row.filename.as_str(), |(name, _)| name);
        let filename = format!("{name}.{}", format.extension());
        let chosen = query.format == Some(Form::Auto);
        let shown = Shown { media_type: format.media_type(), filename, etag, keep, chosen };
        Ok(Wanted { shown, key: row.key, blob, variant })
    }

    /// How many bytes it has, once they are there.
    pub async fn made(&self, wanted: &Wanted) -> Result<u64> {
        if let Some(size) = self.blobs.size(&wanted.blob).await.map_err(unkept)? {
            return Ok(size);
        }
        let Some(variant) = wanted.variant else { return Err(Error::NotFound("picture")) };
        let turn = self.turn(&wanted.blob);
        let _turn = turn.lock().await;
        match self.blobs.size(&wanted.blob).await.map_err(unkept)? {
            Some(size) => Ok(size),
            None => self.make(wanted, variant).await,
        }
    }

    /// The bytes, or some of them.
    pub async fn bytes(&self, wanted: &Wanted, part: Option<Range<u64>>) -> Result<Blob> {
        let blob = self.blobs.get(&wanted.blob, part).await.map_err(unkept)?;
        blob.ok_or(Error::NotFound("picture"))
    }

    /// Whoever asks for the same waits for the first one to make it.
    fn turn(&self, blob: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = making.get(blob).and_then(std::sync::Weak::upgrade) {
            return turn;
        }
        making.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        making.insert(blob.to_owned(), Arc::downgrade(&turn));
        turn
    }

    async fn make(&self, wanted: &Wanted, variant: Variant) -> Result<u64> {
        let busy = |error: tokio::sync::AcquireError| Error::Internal(error.to_string());
        if let Some(refused) = self.known_to_fail(&wanted.blob) {
            return Err(refused);
        }
        let full = "many sizes of pictures are being made: try again in a moment";
        let _place = self.asking.try_acquire().map_err(|_| Error::Unavailable(full))?;
        let work = self.sizing.clone().acquire_owned().await.map_err(busy)?;
        let local = self.blobs.local(&original(&wanted.key)).await.map_err(unkept)?;
        let local = local.ok_or(Error::NotFound("picture"))?;
        let made = tokio::task::spawn_blocking(move || {
            let made = pictures::variant(local.path(), &variant.ask());
            // Both are held until the work has ended, also when whoever waits for it has gone.
            drop((local, work));
            made
        });
        let made = made.await.map_err(|error| Error::Internal(error.to_string()))?;
        let made = made.map_err(|why| self.unmade(&wanted.blob, why))?;
        let size = made.bytes.len() as u64;
        self.make_room(&wanted.key, size).await?;
        self.blobs.put(&wanted.blob, made.bytes.into()).await.map_err(unkept)?;
        // The picture may have gone meanwhile, and all its bytes with it but these.
        let there = media::Entity::find().filter(media::Column::Key.eq(&wanted.key));
        if there.count(self.db.read()).await? == 0
            && leftovers::orphaned(&self.db, &self.blobs, &wanted.key, self.clock.now()).await?
        {
            return Err(Error::NotFound("picture"));
        }
        Ok(size)
    }

    /// Takes the oldest away, until one more of this size is not too much.
    async fn make_room(&self, key: &str, size: u64) -> Result<()> {
        let mut kept = self.blobs.below(&below(stem(key))).await.map_err(unkept)?;
        kept.retain(|entry| entry.key != original(key));
        kept.sort_by_key(|entry| std::cmp::Reverse(entry.written_at));
        let mut room = BYTES.saturating_sub(size);
        for (place, entry) in kept.iter().enumerate() {
            room = room.saturating_sub(entry.size);
            if place + 1 >= MOST || room == 0 {
                self.blobs.remove(&entry.key).await.map_err(unkept)?;
            }
        }
        Ok(())
    }

    fn impossible(&self) -> MutexGuard<'_, HashMap<String, Option<i64>>> {
        self.impossible.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_to_fail(&self, blob: &str) -> Option<Error> {
        match *self.impossible().get(blob)? {
            None => Some(too_much()),
            Some(until) => (self.clock.now() < until).then_some(TOO_SLOW),
        }
    }

    fn remember(&self, blob: &str, until: Option<i64>) {
        let mut impossible = self.impossible();
        if impossible.len() >= REMEMBERED {
            impossible.clear();
        }
        impossible.insert(blob.to_owned(), until);
    }

    /// The picture was whole when it came: it is too much of it that is asked for, or the fault is ours.
    fn unmade(&self, blob: &str, why: Refused) -> Error {
        match why {
            Refused::TooManyPixels | Refused::TooLarge => {
                self.remember(blob, None);
                too_much()
            }
            // A machine that is busy now may not be so later.
            Refused::TooSlow => {
                self.remember(blob, Some(self.clock.now() + PAUSE));
                TOO_SLOW
            }
            why => Error::Internal(format!("a size of a picture cannot be made: {why}")),
        }
    }
}

impl Variant {
    /// Whether it is the picture as it is kept.
    fn is_all_of(&self, row: &media::Model, kept: Format) -> bool {
        (i64::from(self.width), i64::from(self.height), self.format) == (row.width, row.height, kept)
    }

    /// Its name beside the picture's other sizes.
    fn name(&self) -> String {
        let Variant { width, height, focus, ground, format } = self;
        let focus = focus.map(|(x, y)| format!("-{x}-{y}")).unwrap_or_default();
        let ground = if *ground { "-ground" } else { "" };
        format!("{width}x{height}{focus}{ground}.{}", format.extension())
    }

    fn ask(&self) -> Ask {
        let part = |point: i64| point as f32 / PARTS as f32;
        Ask {
            width: Some(self.width),
            height: Some(self.height),
            fit: if self.ground { pictures::Fit::Contain } else { pictures::Fit::Cover },
            focus: self.focus.map(|(x, y)| (part(x), part(y))),
            format: Some(self.format),
        }
    }
}

/// The exact size that is asked for, never larger than the picture; none if nothing is asked for.
fn variant(row: &media::Model, query: &FileQuery, format: Format) -> Option<Variant> {
    let (width, height) = (row.width as f64, row.height as f64);
    let side = |length: f64| length.round().clamp(1.0, 8192.0) as u32;
    let whole = |scale: f64| (side(width * scale.min(1.0)), side(height * scale.min(1.0)));
    let (fit, (w, h)) = match (query.w.map(f64::from), query.h.map(f64::from)) {
        (None, None) => {
            query.format?;
            (Fit::Inside, whole(1.0))
        }
        (Some(w), None) => (Fit::Inside, whole(w / width)),
        (None, Some(h)) => (Fit::Inside, whole(h / height)),
        (Some(w), Some(h)) => match query.fit.unwrap_or(Fit::Inside) {
            Fit::Inside => (Fit::Inside, whole((w / width).min(h / height))),
            Fit::Cover => {
                let scale = (width / w).min(height / h).min(1.0);
                (Fit::Cover, (side(w * scale), side(h * scale)))
            }
            Fit::Contain => {
                let scale = (width / w).max(height / h).min(1.0);
                (Fit::Contain, (side(w * scale), side(h * scale)))
            }
        },
    };
    // Rounding aside, the whole picture is in sight, and nothing else.
    let same = (f64::from(w) * height - f64::from(h) * width).abs() <= width.max(height);
    let fit = if same { Fit::Inside } else { fit };
    let own = || (row.focus_x.unwrap_or(MIDDLE), row.focus_y.unwrap_or(MIDDLE));
    let focus = || query.focus.as_deref().and_then(point).unwrap_or_else(own);
    let focus = (fit == Fit::Cover).then(focus);
    Some(Variant { width: w, height: h, focus, ground: fit == Fit::Contain, format })
}

const MIDDLE: i64 = 5_000;

/// `0.5,0.25` in ten-thousandths.
fn point(text: &str) -> Option<(i64, i64)> {
    let (x, y) = text.split_once(',')?;
    let part = |text: &str| Some((text.parse::<f64>().ok()? * PARTS).round() as i64);
    Some((part(x)?, part(y)?))
}

/// Whether WebP is named among what the client takes; those that take anything may not know it.
fn takes_webp(accepted: Option<&str>) -> bool {
    accepted.unwrap_or_default().split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("image/webp"));
        named
            && !parts.any(|part| matches!(part.split_once('='), Some(("q", "0" | "0.0" | "0.00" | "0.000"))))
    })
}

fn too_much() -> Error {
    let place = Place::Parameter("format".to_owned());
    let message =
        "is too much for this picture in this size: ask for a smaller one, or for WebP or JPEG".to_owned();
    Error::Invalid(vec![Violation { place, code: ErrorCode::Invalid, message }])
}

#[cfg(test)]
#[path = "variants_tests.rs"]
mod tests;
