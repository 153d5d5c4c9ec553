//! HTTP operations on tags.
use macros::operations;

use super::{
    service::Tags,
    types::{TagInput, TagPatch, TagQuery, TagView},
};
use crate::{
    domain::slug::Slug,
    http::{
        auth::{Caller, Editors, OptionalAuth},
        cache_control::CacheControl,
        extract::{IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{ApiError, BadRequest, Conflict, NotFound, PreconditionFailed, PreconditionRequired},
        response::{GetResponse, ListResponse, NoContent, ReplaceResponse, UpdateResponse},
    },
};

pub struct TagsApi(pub Tags);

#[operations(prefix_path = "/api/tags", tag = "super::TAG")]
impl TagsApi {
    /// List tags with the number of their posts
    ///
    /// The number counts published posts. A tag that only drafts have is listed for callers that can read one
    /// of them.
    #[oai(path = "/", method = "get", operation_id = "tagsList")]
    #[operation(cached_by = "super::COLLECTIONS", search = "q")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        query: Query<TagQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<TagView>, ApiError<BadRequest>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::PUBLIC) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(
            self.0.list(viewer.0.as_ref(), &query).await?,
            &etag,
            &query.target,
            CacheControl::PUBLIC,
        ))
    }

    /// Get a tag
    ///
    /// The response contains the number of published posts with the tag.
    #[oai(path = "/:slug", method = "get", operation_id = "tagsGet")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The slug of the tag.
        slug: Path<Slug<120>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<TagView>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(viewer.0.as_ref(), &slug.0).await?, &if_none_match.0))
    }

    /// Create or replace a tag
    ///
    /// With `If-None-Match: *`, the tag is created only if it does not exist.
    #[oai(path = "/:slug", method = "put", operation_id = "tagsReplace")]
    async fn replace(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug<120>>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        new: JsonBody<TagInput>,
    ) -> Result<ReplaceResponse<TagView>, ApiError<(PreconditionFailed, PreconditionRequired)>> {
        let (tag, created) =
            self.0.replace(&slug.0, new.0, if_match.0.with_if_none_match(if_none_match.0)).await?;
        Ok(ReplaceResponse::new(tag, created))
    }

    /// Update a tag
    ///
    /// A merge patch (RFC 7396). A new name or slug applies to all posts with the tag immediately.
    #[oai(path = "/:slug", method = "patch", operation_id = "tagsUpdate")]
    async fn update(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug<120>>,
        if_match: IfMatch,
        patch: MergePatch<TagPatch>,
    ) -> Result<
        UpdateResponse<TagView>,
        ApiError<(NotFound, PreconditionFailed, PreconditionRequired, Conflict)>,
    > {
        Ok(UpdateResponse::new(self.0.update(&slug.0, patch.0, if_match.0).await?))
    }

    /// Delete a tag
    ///
    /// The tag is removed from all posts.
    #[oai(path = "/:slug", method = "delete", operation_id = "tagsDelete")]
    async fn delete(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug<120>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        self.0.delete(&slug.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
