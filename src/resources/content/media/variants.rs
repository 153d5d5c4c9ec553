//! Variants: resized or converted copies of an image, made on the first request and stored beside the
//! original.
use std::{collections::HashMap, ops::Range, sync::Arc};

use entity::media;
use parking_lot::MutexGuard;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    keys::{FOCUS_SCALE, format_of, original, prefix, stem},
    serve::{FileQuery, Fit, OutputFormat},
    service::MediaLibrary,
    sizes::VariantSizes,
    upload::blob_error,
};
use crate::{
    http::{
        etag::ETag,
        image_response::{ImageCaching, ImageInfo},
        problem::{Error, Result},
    },
    images::{self, Format, ImageError, VariantOptions, limits},
    infra::{
        audit_log::Origin,
        blobs::Blob,
        client_permits::Rejected,
        traces::{SpanKind, in_span},
    },
    schema::{ErrorCode, Location, Violation},
};

/// Entries in the map of failed variants.
const MAX_FAILED: usize = 1000;
/// Delay before a variant that timed out is retried, in milliseconds.
const RETRY_DELAY: i64 = 60 * 1000;
const TIMED_OUT: Error =
    Error::Unavailable("this variant took too long to make: request a smaller size, or retry later");
/// Version of the encoder output. Increase it when the same parameters produce other bytes: it is part of the
/// ETag and of the file name.
const ENCODER_VERSION: &str = "2";

/// The exact size and format of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variant {
    width: u32,
    height: u32,
    /// In units of 1/[`FOCUS_SCALE`] of a side; `None` if nothing is cropped.
    focus: Option<(i64, i64)>,
    /// Whether the box has a background around the image.
    background: bool,
    format: Format,
}

/// A resolved request: the response metadata and the blob key of the stored or future bytes.
pub struct VariantRequest {
    pub info: ImageInfo,
    image: media::Model,
    blob: String,
    variant: Option<Variant>,
}

impl MediaLibrary {
    /// Resolves the parameters of a request to an exact variant. Reads no blobs.
    pub async fn resolve(
        &self,
        key: &str,
        query: &FileQuery,
        accepted: Option<&str>,
    ) -> Result<VariantRequest> {
        let row = media::Entity::find().filter(media::Column::Key.eq(key)).one(self.db.read()).await?;
        let row = row.ok_or(Error::NotFound("image"))?;
        let stored_format = format_of(&row.key).ok_or(Error::NotFound("image"))?;
        let format = match query.format {
            // Encoding a long animation as WebP can exceed the timeout.
            Some(OutputFormat::Auto) if stored_format == Format::Gif || !accepts_webp(accepted) => {
                stored_format
            }
            Some(OutputFormat::Auto | OutputFormat::Webp) => Format::Webp,
            Some(OutputFormat::Jpeg) => Format::Jpeg,
            Some(OutputFormat::Png) => Format::Png,
            Some(OutputFormat::Gif) => Format::Gif,
            None => stored_format,
        };
        let variant =
            resolve_size(&row, query, format, &self.sizes).filter(|it| !it.is_original(&row, stored_format));
        // The focus in the metadata can change while the URL stays the same, so caches get a short lifetime.
        let cropped = variant.is_some_and(|variant| variant.focus.is_some());
        let keep =
            if cropped && query.focus.is_none() { ImageCaching::Revalidate } else { ImageCaching::Immutable };
        let (blob, etag) = match variant {
            None => (original(&row.key), ETag::from_parts(&[&row.sha256])),
            Some(variant) => {
                let name = variant.name();
                let etag = ETag::from_parts(&[&row.sha256, &name, ENCODER_VERSION]);
                (format!("{}/{name}", prefix(stem(&row.key))), etag)
            }
        };
        let name = row.filename.rsplit_once('.').map_or(row.filename.as_str(), |(name, _)| name);
        let filename = format!("{name}.{}", format.extension());
        let chosen = query.format == Some(OutputFormat::Auto);
        let info =
            ImageInfo { media_type: format.media_type(), filename, etag, caching: keep, negotiated: chosen };
        Ok(VariantRequest { info, image: row, blob, variant })
    }

    /// Makes the variant unless it is stored already, and returns its size in bytes.
    pub async fn ensure_stored(&self, request: &VariantRequest) -> Result<u64> {
        let stored = self.blobs.size(&request.blob).await.map_err(blob_error)?;
        let Some(variant) = request.variant else { return stored.ok_or(Error::NotFound("image")) };
        let size = match stored {
            Some(size) => size,
            None => self.make_once(request, variant).await?,
        };
        self.variant_uses.record(request.image.id, &variant.name(), size, self.clock.now());
        Ok(size)
    }

    /// Makes the variant, unless a concurrent request has made it meanwhile.
    async fn make_once(&self, request: &VariantRequest, variant: Variant) -> Result<u64> {
        let lock = self.lock_for(&request.blob);
        let _guard = lock.lock().await;
        match self.blobs.size(&request.blob).await.map_err(blob_error)? {
            Some(size) => Ok(size),
            None => self.make(request, variant).await,
        }
    }

    /// Opens the stored bytes, or a range of them.
    pub async fn open(&self, request: &VariantRequest, range: Option<Range<u64>>) -> Result<Blob> {
        let blob = self.blobs.get(&request.blob, range).await.map_err(blob_error)?;
        blob.ok_or(match request.variant {
            Some(_) => Error::Unavailable("the variant was deleted to free space: retry"),
            None => Error::NotFound("image"),
        })
    }

    /// Returns the lock of a variant: concurrent requests for the same variant wait, and it is made once.
    fn lock_for(&self, blob: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut in_progress = self.in_progress.lock();
        if let Some(lock) = in_progress.get(blob).and_then(std::sync::Weak::upgrade) {
            return lock;
        }
        in_progress.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        in_progress.insert(blob.to_owned(), Arc::downgrade(&lock));
        lock
    }

    async fn make(&self, request: &VariantRequest, variant: Variant) -> Result<u64> {
        if let Some(error) = self.known_failure(&request.blob) {
            return Err(error);
        }
        let work = self.variant_permits.accept(Origin::current().client()).map_err(too_many)?;
        let permit = work.start().await.ok_or(Error::Unavailable("the service is shutting down"))?;
        let original_file = self.blobs.local_file(&original(&request.image.key)).await.map_err(blob_error)?;
        let original_file = original_file.ok_or(Error::NotFound("image"))?;
        let image_limits = self.limits;
        let output = tokio::task::spawn_blocking(move || {
            let output = images::variant(original_file.path(), &variant.options(), image_limits);
            // The file and the permit live until the work ends, even if the request is canceled meanwhile.
            drop((original_file, permit));
            output
        });
        let output = in_span("images.variant", SpanKind::Internal, output)
            .await
            .map_err(|error| Error::Internal(error.to_string()))?;
        let output = output.map_err(|why| self.record_failure(&request.blob, why))?;
        let size = output.bytes.len() as u64;
        self.store_variant(&request.image, &variant.name(), output.bytes.into()).await?;
        Ok(size)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<String, Option<i64>>> {
        self.failed.lock()
    }

    fn known_failure(&self, blob: &str) -> Option<Error> {
        match *self.failed().get(blob)? {
            None => Some(exceeds_limits()),
            Some(until) => (self.clock.now() < until).then_some(TIMED_OUT),
        }
    }

    fn remember_failure(&self, blob: &str, until: Option<i64>) {
        let mut failed = self.failed();
        if failed.len() >= MAX_FAILED {
            failed.clear();
        }
        failed.insert(blob.to_owned(), until);
    }

    /// Maps an encoder error. The stored original is valid, so the request exceeds a limit or the error is
    /// internal.
    fn record_failure(&self, blob: &str, why: ImageError) -> Error {
        match why {
            ImageError::TooManyPixels | ImageError::TooManyFrames | ImageError::TooLarge => {
                self.remember_failure(blob, None);
                exceeds_limits()
            }
            // A timeout can be caused by load, so the variant is retried after a pause.
            ImageError::Timeout => {
                self.remember_failure(blob, Some(self.clock.now() + RETRY_DELAY));
                TIMED_OUT
            }
            why => Error::Internal(format!("cannot make an image variant: {}", why.message(&self.limits))),
        }
    }
}

impl Variant {
    /// Returns whether the variant equals the stored original.
    fn is_original(&self, row: &media::Model, stored_format: Format) -> bool {
        (i64::from(self.width), i64::from(self.height), self.format) == (row.width, row.height, stored_format)
    }

    /// Returns the file name of the variant's blob.
    fn name(&self) -> String {
        let Variant { width, height, focus, background, format } = self;
        let focus = focus.map(|(x, y)| format!("-{x}-{y}")).unwrap_or_default();
        let background = if *background { "-background" } else { "" };
        format!("{width}x{height}{focus}{background}-v{ENCODER_VERSION}.{}", format.extension())
    }

    fn options(&self) -> VariantOptions {
        let coordinate = |value: i64| value as f32 / FOCUS_SCALE as f32;
        VariantOptions {
            width: Some(self.width),
            height: Some(self.height),
            fit: if self.background { images::Fit::Contain } else { images::Fit::Cover },
            focus: self.focus.map(|(x, y)| (coordinate(x), coordinate(y))),
            format: Some(self.format),
        }
    }
}

/// Computes the exact size, never larger than the image; `None` if the query has no parameters. The requested sides are
/// rounded up to `sizes` first, each on its own: with the exact ratio, one size could have thousands of variants.
fn resolve_size(
    row: &media::Model,
    query: &FileQuery,
    format: Format,
    sizes: &VariantSizes,
) -> Option<Variant> {
    let (width, height) = (row.width as f64, row.height as f64);
    let rounded = |side: u32| f64::from(sizes.round_up(side));
    let side = |length: f64| length.round().clamp(1.0, f64::from(limits::MAX_SIDE)) as u32;
    let scaled = |scale: f64| (side(width * scale.min(1.0)), side(height * scale.min(1.0)));
    let (fit, (w, h)) = match (query.w.map(rounded), query.h.map(rounded)) {
        (None, None) => {
            query.format?;
            (Fit::Inside, scaled(1.0))
        }
        (Some(w), None) => (Fit::Inside, scaled(w / width)),
        (None, Some(h)) => (Fit::Inside, scaled(h / height)),
        (Some(w), Some(h)) => match query.fit.unwrap_or(Fit::Inside) {
            Fit::Inside => (Fit::Inside, scaled((w / width).min(h / height))),
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
    // Apart from rounding, the box has the aspect ratio of the image: nothing is cropped or padded.
    let same_ratio = (f64::from(w) * height - f64::from(h) * width).abs() <= width.max(height);
    let fit = if same_ratio { Fit::Inside } else { fit };
    let stored_focus = || (row.focus_x.unwrap_or(CENTER), row.focus_y.unwrap_or(CENTER));
    let focus = || query.focus.as_deref().and_then(parse_focus).unwrap_or_else(stored_focus);
    let focus = (fit == Fit::Cover).then(focus);
    Some(Variant { width: w, height: h, focus, background: fit == Fit::Contain, format })
}

const CENTER: i64 = 5_000;

/// Parses `0.5,0.25` into units of 1/[`FOCUS_SCALE`].
fn parse_focus(text: &str) -> Option<(i64, i64)> {
    let (x, y) = text.split_once(',')?;
    let coordinate = |text: &str| Some((text.parse::<f64>().ok()? * FOCUS_SCALE).round() as i64);
    Some((coordinate(x)?, coordinate(y)?))
}

/// Returns whether the `Accept` header names WebP. A wildcard does not count: such clients may not decode
/// WebP.
fn accepts_webp(accepted: Option<&str>) -> bool {
    accepted.unwrap_or_default().split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("image/webp"));
        named
            && !parts.any(|part| matches!(part.split_once('='), Some(("q", "0" | "0.0" | "0.00" | "0.000"))))
    })
}

fn too_many(rejected: Rejected) -> Error {
    match rejected {
        Rejected::Client => Error::ConcurrencyLimit(
            "this client has too many image sizes in progress: retry, with fewer at the same time",
        ),
        Rejected::Total => Error::Unavailable("too many image variants are being made: retry in a moment"),
    }
}

fn exceeds_limits() -> Error {
    let place = Location::Parameter("format".to_owned());
    let message =
        "the variant exceeds the size limits: request a smaller size, or the format webp or jpeg".to_owned();
    Error::Invalid(vec![Violation { location: place, code: ErrorCode::Invalid, message }])
}

#[cfg(test)]
#[path = "variants_tests.rs"]
mod tests;
