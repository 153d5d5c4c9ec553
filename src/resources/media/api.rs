//! What clients can do with pictures, apart from looking at them.
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

type Kept = (NotFound, Unauthorized, Stale, Unconditional);

#[OpenApi(tag = "Tag::Media")]
impl MediaApi {
    /// Upload a picture
    ///
    /// One picture in each request. It is kept without what does not belong to it, under an address of its own;
    /// of a picture that the caller has uploaded before, the answer is that one (200).
    #[oai(path = "/api/upload", method = "post", operation_id = "mediaUpload")]
    async fn upload(
        &self,
        author: Caller<Writers>,
        key: IdempotencyKey,
        form: Upload,
    ) -> Result<Received<Media>, Fault<(Receiving, Unauthorized, Once)>> {
        Ok(Received::new(self.0.upload(&author, form.0, key.0).await?))
    }

    /// List pictures, newest first
    ///
    /// Authors see their own, editors all.
    #[oai(path = "/api/media", method = "get", operation_id = "mediaList")]
    async fn list(
        &self,
        author: Caller<Writers>,
        query: Query<MediaQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Media>, Fault<Invalid>> {
        let etag = self.0.list_etag(&author, &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(&author, &query).await?, &etag, &query.target, Cache::Private))
    }

    /// Read what is known of a picture
    ///
    /// Of one's own, or as an editor of any.
    #[oai(path = "/api/media/:id", method = "get", operation_id = "mediaRead")]
    async fn read(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The picture's id.
        id: Path<Id<Media>>,
        known: IfNoneMatch,
    ) -> Result<Found<Media>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(&author, id.0).await?, &known.0))
    }

    /// Change what is said of a picture
    ///
    /// A merge patch (RFC 7396). The picture itself never changes: upload another one.
    #[oai(path = "/api/media/:id", method = "patch", operation_id = "mediaPatch")]
    async fn patch(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The picture's id.
        id: Path<Id<Media>>,
        when: IfMatch,
        patch: Patch<MediaPatch>,
    ) -> Result<Changed<Media>, Fault<Kept>> {
        Ok(Changed::new(self.0.patch(&author, id.0, patch.0, when.0).await?))
    }

    /// Delete a picture
    ///
    /// With its bytes and those of all its sizes. Caches may show it for as long as they were allowed to.
    #[oai(path = "/api/media/:id", method = "delete", operation_id = "mediaRemove")]
    async fn remove(
        &self,
        author: Caller<OwnerOrEditors>,
        /// The picture's id.
        id: Path<Id<Media>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Kept>> {
        self.0.remove(&author, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
