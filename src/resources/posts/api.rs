//! HTTP operations on posts.
use poem_openapi::OpenApi;

use super::{
    query::{PostQuery, PreviewQuery},
    service::SlugLookup,
    types::{NewPost, Post, PostPatch, PostReplacement, PostSummary, PreviewLink},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed, Or},
        attempt::Outcome,
        cache::Cache,
        caller::{Caller, OwnerOrEditors, Viewer, Writers},
        done::Done,
        id::Id,
        problem::{Conflict, Fault, Forbidden, Invalid, NotFound, Once, Owned, Unauthorized},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
        slug::Slug,
    },
    resources::posts::Posts,
};

pub struct PostsApi(pub Posts);

#[OpenApi(prefix_path = "/api/posts", tag = "Tag::Posts")]
impl PostsApi {
    /// List posts, newest first
    ///
    /// By default, only published posts. With `status`, authors also list their own drafts, and editors list all
    /// drafts. A page past the end is empty. An unknown tag matches no posts.
    #[oai(path = "/", method = "get", operation_id = "postsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<PostQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Listed<PostSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &if_none_match.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Create a post
    ///
    /// The caller becomes the author. Unless `published` is true, the post is a draft: only its author and
    /// editors can read it, until `publishAt` if that is set.
    #[oai(path = "/", method = "post", operation_id = "postsCreate")]
    async fn create(
        &self,
        author: Caller<Writers>,
        key: IdempotencyKey,
        new: Body<NewPost>,
    ) -> Result<Created<Post>, Fault<(Invalid, Unauthorized, Once)>> {
        Ok(Created::new(self.0.create(&author, new.0, key.0).await?))
    }

    /// Get a post
    ///
    /// A draft is returned to its author, to editors, and to requests with the token of a preview link. Other
    /// callers get 404.
    #[oai(path = "/:id", method = "get", operation_id = "postsGet")]
    async fn get(
        &self,
        viewer: Viewer,
        /// The id of the post.
        id: Path<Id<Post>>,
        query: Query<PreviewQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<Found<Post>, Fault<NotFound>> {
        let post = match &query.preview {
            Some(token) => self.0.get_by_preview(id.0, token).await?,
            None => self.0.get(viewer.0.as_ref(), id.0).await?,
        };
        Ok(Found::new(post, &if_none_match.0))
    }

    /// Replace a post
    ///
    /// Omitted fields get the defaults of a new post. The slug changes only if the request contains one.
    #[oai(path = "/:id", method = "put", operation_id = "postsReplace")]
    async fn replace(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
        if_match: IfMatch,
        new: Body<PostReplacement>,
    ) -> Result<Changed<Post>, Fault<(Invalid, Owned, Conflict)>> {
        Ok(Changed::new(self.0.replace(&caller, id.0, new.0, if_match.0).await?))
    }

    /// Update a post
    ///
    /// A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
    #[oai(path = "/:id", method = "patch", operation_id = "postsUpdate")]
    async fn update(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
        if_match: IfMatch,
        patch: Patch<PostPatch>,
    ) -> Result<Changed<Post>, Fault<(Invalid, Owned, Conflict)>> {
        Ok(Changed::new(self.0.update(&caller, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a post
    ///
    /// Deleted posts can be restored, with their comments, for 30 days (`trash_days`). Until the post is
    /// purged, its slugs remain reserved.
    #[oai(path = "/:id", method = "delete", operation_id = "postsDelete")]
    async fn delete(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
        if_match: IfMatch,
    ) -> Result<Gone, Fault<Owned>> {
        self.0.delete(&caller, id.0, if_match.0).await?;
        Ok(Gone::new())
    }

    /// Restore a deleted post
    ///
    /// The post gets back its comments and its state at deletion, published or draft, without its schedule. A
    /// post that is not deleted is returned unchanged.
    #[oai(path = "/:id/restore", method = "post", operation_id = "postsRestore")]
    async fn restore(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
    ) -> Result<Done<Post>, Fault<(NotFound, Forbidden)>> {
        Ok(Done::new(self.0.restore(&caller, id.0).await?))
    }

    /// Get a post by slug
    ///
    /// A former slug of the post redirects (308) to the current one.
    #[oai(path = "/slug/:slug", method = "get", operation_id = "postsGetBySlug")]
    async fn get_by_slug(
        &self,
        viewer: Viewer,
        /// The current or a former slug of the post.
        slug: Path<Slug>,
        if_none_match: IfNoneMatch,
    ) -> Result<Or<Found<Post>>, Fault<NotFound>> {
        Ok(match self.0.get_by_slug(viewer.0.as_ref(), &slug.0.0).await? {
            SlugLookup::Current(post) => Or::Here(Found::new(*post, &if_none_match.0)),
            SlugLookup::Moved(location) => Or::Moved(location),
        })
    }

    /// Create a preview link for a post
    ///
    /// Anyone with the link can read this post, draft or not, for three days and without authentication.
    #[oai(path = "/:id/preview", method = "post", operation_id = "postsCreatePreview")]
    async fn create_preview(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
    ) -> Result<Created<PreviewLink>, Fault<(NotFound, Forbidden)>> {
        Ok(Created::new(Outcome::Fresh(self.0.create_preview(&caller, id.0).await?)))
    }

    /// Delete all preview links of a post
    ///
    /// Requests with a deleted link get 404, as for a post that does not exist.
    #[oai(path = "/:id/preview", method = "delete", operation_id = "postsDeletePreviews")]
    async fn delete_previews(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the post.
        id: Path<Id<Post>>,
    ) -> Result<Gone, Fault<(NotFound, Forbidden)>> {
        self.0.delete_previews(&caller, id.0).await?;
        Ok(Gone::new())
    }
}
