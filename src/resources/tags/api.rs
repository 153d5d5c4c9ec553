//! HTTP operations on tags.
use poem_openapi::OpenApi;

use super::{
    service::Tags,
    types::{TagPatch, TagQuery, TagReplacement, TagView},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Found, Gone, Listed, Replaced},
        cache::Cache,
        caller::{Caller, Editors, Viewer},
        problem::{Conflict, Fault, Invalid, NotFound, Stale, Unconditional},
        request::{Body, IfMatch, IfNoneMatch, Patch, Path, Query},
        slug::Slug,
    },
};

pub struct TagsApi(pub Tags);

#[OpenApi(prefix_path = "/api/tags", tag = "Tag::Tags")]
impl TagsApi {
    /// List tags with the number of their posts
    ///
    /// The number counts published posts. A tag that only drafts have is listed for callers that can read one
    /// of them.
    #[oai(path = "/", method = "get", operation_id = "tagsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<TagQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<TagView>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(viewer.0.as_ref(), &query).await?, &etag, &query.target, Cache::PUBLIC))
    }

    /// Get a tag
    ///
    /// The response contains the number of published posts with the tag.
    #[oai(path = "/:slug", method = "get", operation_id = "tagsGet")]
    async fn get(
        &self,
        viewer: Viewer,
        /// The slug of the tag.
        slug: Path<Slug>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<TagView>, Fault<NotFound>> {
        Ok(Found::new(self.0.get(viewer.0.as_ref(), &slug.0.0).await?, &if_none_match.0))
    }

    /// Create or replace a tag
    ///
    /// With `If-None-Match: *`, the tag is created only if it does not exist.
    #[oai(path = "/:slug", method = "put", operation_id = "tagsReplace")]
    async fn replace(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug>,
        if_match: IfMatch,
        if_none_match: IfNoneMatch,
        new: Body<TagReplacement>,
    ) -> Result<Replaced<TagView>, Fault<(Stale, Unconditional)>> {
        let (tag, created) = self.0.replace(&slug.0.0, new.0, if_match.0.unless(if_none_match.0)).await?;
        Ok(Replaced::new(tag, created))
    }

    /// Update a tag
    ///
    /// A merge patch (RFC 7396). A new name or slug applies to all posts with the tag immediately.
    #[oai(path = "/:slug", method = "patch", operation_id = "tagsUpdate")]
    async fn update(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug>,
        if_match: IfMatch,
        patch: Patch<TagPatch>,
    ) -> Result<Changed<TagView>, Fault<(NotFound, Stale, Unconditional, Conflict)>> {
        Ok(Changed::new(self.0.update(&slug.0.0, patch.0, if_match.0).await?))
    }

    /// Delete a tag
    ///
    /// The tag is removed from all posts.
    #[oai(path = "/:slug", method = "delete", operation_id = "tagsDelete")]
    async fn delete(
        &self,
        _editor: Caller<Editors>,
        /// The slug of the tag.
        slug: Path<Slug>,
        if_match: IfMatch,
    ) -> Result<Gone, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.delete(&slug.0.0, if_match.0).await?;
        Ok(Gone::new())
    }
}
