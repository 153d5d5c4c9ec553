//! What clients can do with tags.
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
    /// Only published posts count. A tag that only drafts have is listed for those who may read them.
    #[oai(path = "/", method = "get", operation_id = "tagsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<TagQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<TagView>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.list(viewer.0.as_ref(), &query).await?, &etag, &query.target, Cache::PUBLIC))
    }

    /// Read a tag
    ///
    /// With the number of its published posts.
    #[oai(path = "/:slug", method = "get", operation_id = "tagsRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The tag's slug.
        slug: Path<Slug>,
        known: IfNoneMatch,
    ) -> Result<Found<TagView>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(viewer.0.as_ref(), &slug.0.0).await?, &known.0))
    }

    /// Make or replace a tag
    ///
    /// `If-None-Match: *` makes it only if it is not there yet.
    #[oai(path = "/:slug", method = "put", operation_id = "tagsReplace")]
    async fn replace(
        &self,
        _editor: Caller<Editors>,
        /// The tag's slug.
        slug: Path<Slug>,
        when: IfMatch,
        known: IfNoneMatch,
        new: Body<TagReplacement>,
    ) -> Result<Replaced<TagView>, Fault<(Stale, Unconditional)>> {
        let (tag, fresh) = self.0.replace(&slug.0.0, new.0, when.0.unless(known.0)).await?;
        Ok(Replaced::new(tag, fresh))
    }

    /// Change a tag
    ///
    /// A merge patch (RFC 7396). All posts with the tag show the new name at once.
    #[oai(path = "/:slug", method = "patch", operation_id = "tagsPatch")]
    async fn patch(
        &self,
        _editor: Caller<Editors>,
        /// The tag's slug.
        slug: Path<Slug>,
        when: IfMatch,
        patch: Patch<TagPatch>,
    ) -> Result<Changed<TagView>, Fault<(NotFound, Stale, Unconditional, Conflict)>> {
        Ok(Changed::new(self.0.patch(&slug.0.0, patch.0, when.0).await?))
    }

    /// Delete a tag
    ///
    /// It is taken off all posts.
    #[oai(path = "/:slug", method = "delete", operation_id = "tagsRemove")]
    async fn remove(
        &self,
        _editor: Caller<Editors>,
        /// The tag's slug.
        slug: Path<Slug>,
        when: IfMatch,
    ) -> Result<Gone, Fault<(NotFound, Stale, Unconditional)>> {
        self.0.remove(&slug.0.0, when.0).await?;
        Ok(Gone::new())
    }
}
