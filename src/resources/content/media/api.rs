//! Operations on media: upload, list, get, update and delete.
use macros::operations;

use super::{
    service::MediaLibrary,
    types::{Media, MediaPatch, MediaQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Caller, ContentOwnerOrEditors, Writers},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, MergePatch, Path, Query},
        image_upload::ImageUpload,
        problem::{
            ApiError, BadRequest, CreateErrors, NotFound, PreconditionFailed, PreconditionRequired,
            Unauthorized, UploadErrors,
        },
        response::{GetResponse, ListResponse, NoContent, UpdateResponse},
        upsert_response::Upserted,
    },
};

pub struct MediaApi(pub MediaLibrary);

/// The errors of an update or a delete.
type WriteErrors = (NotFound, Unauthorized, PreconditionFailed, PreconditionRequired);

#[operations(tag = "super::TAG")]
impl MediaApi {
    /// Upload an image
    ///
    /// Each request uploads one image. The server decodes the image completely, removes its metadata and
    /// stores the result under a new, unguessable URL. If the caller has already uploaded the same image, the
    /// response is the existing one (200).
    #[oai(path = "/api/upload", method = "post", operation_id = "mediaUpload")]
    async fn upload(
        &self,
        author: Caller<Writers>,
        key: IdempotencyKey,
        form: ImageUpload,
    ) -> Result<Upserted<Media>, ApiError<(UploadErrors, Unauthorized, CreateErrors)>> {
        Ok(Upserted::new(self.0.upload(&author, form.0, key.0).await?))
    }

    /// List media
    ///
    /// Newest first by default. Authors see the images that they uploaded; editors see all images.
    #[oai(path = "/api/media", method = "get", operation_id = "mediaList")]
    #[operation(search = "q")]
    async fn list(
        &self,
        author: Caller<Writers>,
        query: Query<MediaQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Media>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(&author, &query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(
            self.0.list(&author, &query).await?,
            &etag,
            &query.target,
            CacheControl::Private,
        ))
    }

    /// Get the metadata of an image
    ///
    /// Authors can read the images that they uploaded; editors can read all images.
    #[oai(path = "/api/media/:id", method = "get", operation_id = "mediaGet")]
    async fn get(
        &self,
        author: Caller<ContentOwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Media>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(&author, id.0).await?, &if_none_match.0))
    }

    /// Update the metadata of an image
    ///
    /// The body is a merge patch (RFC 7396). The image itself is immutable: to replace it, upload another
    /// one.
    #[oai(path = "/api/media/:id", method = "patch", operation_id = "mediaUpdate")]
    async fn update(
        &self,
        author: Caller<ContentOwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_match: IfMatch,
        patch: MergePatch<MediaPatch>,
    ) -> Result<UpdateResponse<Media>, ApiError<WriteErrors>> {
        Ok(UpdateResponse::new(self.0.update(&author, id.0, patch.0, if_match.0).await?))
    }

    /// Delete an image
    ///
    /// Deletes the stored bytes of the image and of all its variants. Caches may serve a copy until its
    /// `max-age` expires.
    #[oai(path = "/api/media/:id", method = "delete", operation_id = "mediaDelete")]
    async fn delete(
        &self,
        author: Caller<ContentOwnerOrEditors>,
        /// The id of the image.
        id: Path<Id<Media>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<WriteErrors>> {
        self.0.delete(&author, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
