//! Operations on media: upload, list, get, update and delete.
use poem_openapi::OpenApi;

use super::{
    service::MediaLibrary,
    types::{Media, MediaPatch, MediaQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Found, Gone, Listed},
        cache::Cache,
        caller::{Caller, OwnerOrEditors, Writers},
        id::Id,
        problem::{Fault, Invalid, NotFound, Once, Receiving, Stale, Unauthorized, Unconditional},
        received::Received,
        request::{IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
        upload::Upload,
    },
};

pub struct MediaApi(pub MediaLibrary);

/// The errors of an update or a delete.
type WriteErrors = (NotFound, Unauthorized, Stale, Unconditional);

#[OpenApi(tag = "Tag::Media")]
impl MediaApi {
    /// Upload an image
    ///
    /// Each request uploads one image. The server decodes and re-encodes the image, removes its metadata and
    /// stores the result under a new, unguessable URL. If the caller has already uploaded the same image, the
    /// response is the existing one (200).
    #[oai(path = "/api/upload", method = "post", operation_id = "mediaUpload")]
    async fn upload(
        &self,
        author: Caller<Writers>,
        key: IdempotencyKey,
        form: Upload,
    ) -> Result<Received<Media>, Fault<(Receiving, Unauthorized, Once)>> {
        Ok(Received::new(self.0.upload(&author, form.0, key.0).await?))
    }

    /// List media
    ///
    /// Newest first by default. Authors see the images that they uploaded; editors see all images.
    #[oai(path = "/api/media", method = "get", operation_id = "mediaList")]
    async fn list(
        &self,
        author: Caller<Writers>,
        query: Query<MediaQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<Media>, Fault<Invalid>> {
        let etag = self.0.list_etag(&author, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(&author, &query).await?, &etag, &query.target, Cache::Private))
    }

    /// Get the metadata of an image
    ///
    /// Authors can read the images that they uploaded; editors can read all images.
    #[oai(path = "/api/media/:id", method = "get", operation_id = "mediaGet")]
    async fn get(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<Media>, Fault<NotFound>> {
        Ok(Found::new(self.0.get(&author, id.0).await?, &if_none_match.0))
    }

    /// Update the metadata of an image
    ///
    /// The body is a merge patch (RFC 7396). The image itself is immutable: to replace it, upload another
    /// one.
    #[oai(path = "/api/media/:id", method = "patch", operation_id = "mediaUpdate")]
    async fn update(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_match: IfMatch,
        patch: Patch<MediaPatch>,
    ) -> Result<Changed<Media>, Fault<WriteErrors>> {
        Ok(Changed::new(self.0.update(&author, id.0, patch.0, if_match.0).await?))
    }

    /// Delete an image
    ///
    /// Deletes the stored bytes of the image and of all its variants. Caches may serve a copy until its
    /// `max-age` expires.
    #[oai(path = "/api/media/:id", method = "delete", operation_id = "mediaDelete")]
    async fn delete(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_match: IfMatch,
    ) -> Result<Gone, Fault<WriteErrors>> {
        self.0.delete(&author, id.0, if_match.0).await?;
        Ok(Gone::new())
    }
}
