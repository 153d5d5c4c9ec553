//! HTTP operations on posts.
use macros::operations;

use super::{
    Posts,
    key::{PostKey, with_current_slug},
    query::{PostQuery, PreviewQuery},
    service::Lookup,
    types::{Post, PostInput, PostPatch, PostSummary, PreviewLink},
};
use crate::{
    http::{
        action_response::ActionResponse,
        auth::{Caller, ContentOwnerOrEditors, OptionalAuth, Writers},
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        idempotency::Outcome,
        problem::{
            ApiError, BadRequest, Conflict, CreateErrors, Forbidden, NotFound, Unauthorized, UpdateErrors,
        },
        response::{CreateResponse, GetResponse, ListResponse, NoContent, OrRedirect, UpdateResponse},
    },
    resources::content::trash::Deleted,
};

pub struct PostsApi(pub Posts);

#[operations(prefix_path = "/api/posts", tag = "super::TAG")]
impl PostsApi {
    /// List posts, newest first
    ///
    /// By default, only published posts. With `status`, authors also list their own drafts, and editors list all
    /// drafts. A page past the end is empty. An unknown tag matches no posts.
    #[oai(path = "/", method = "get", operation_id = "postsList")]
    #[operation(cached_by = "super::COLLECTIONS", search = "q")]
    async fn list(
        &self,
        viewer: OptionalAuth,
        query: Query<PostQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<PostSummary>, ApiError<BadRequest>> {
        let version = self.0.list_version(viewer.0.as_ref()).await?;
        let etag = Posts::list_etag(viewer.0.as_ref(), version, &query.target);
        let cache = Deleted::cache(query.deleted);
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, cache) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query, version).await?;
        Ok(ListResponse::new(page, &etag, &query.target, cache))
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
        new: JsonBody<PostInput>,
    ) -> Result<CreateResponse<Post>, ApiError<(BadRequest, Unauthorized, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.create(&author, new.0, key.0).await?))
    }

    /// Get a post
    ///
    /// A draft is returned to its author, to editors, and to requests with the token of a preview link. Other
    /// callers get 404. A former slug redirects (308) to the current one.
    #[oai(path = "/:post", method = "get", operation_id = "postsGet")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        query: Query<PreviewQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<Post>>, ApiError<NotFound>> {
        let found = match &query.preview {
            Some(token) => self.0.get_by_preview(&post.0, token).await?,
            None => self.0.get(viewer.0.as_ref(), &post.0).await?,
        };
        Ok(match found {
            Lookup::Current(post) => OrRedirect::Body(GetResponse::new(post, &if_none_match.0)),
            Lookup::Moved(slug) => OrRedirect::Redirect(with_current_slug(&query.target, &slug)),
        })
    }

    /// Replace a post
    ///
    /// Omitted fields get the defaults of a new post. The slug changes only if the request contains one.
    #[oai(path = "/:post", method = "put", operation_id = "postsReplace")]
    async fn replace(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        if_match: IfMatch,
        new: JsonBody<PostInput>,
    ) -> Result<UpdateResponse<Post>, ApiError<(BadRequest, UpdateErrors, Conflict)>> {
        Ok(UpdateResponse::new(self.0.replace(&caller, post.0, new.0, if_match.0).await?))
    }

    /// Update a post
    ///
    /// A merge patch (RFC 7396): omitted fields are unchanged, `null` clears a field.
    #[oai(path = "/:post", method = "patch", operation_id = "postsUpdate")]
    async fn update(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        if_match: IfMatch,
        patch: MergePatch<PostPatch>,
    ) -> Result<UpdateResponse<Post>, ApiError<(BadRequest, UpdateErrors, Conflict)>> {
        Ok(UpdateResponse::new(self.0.update(&caller, post.0, patch.0, if_match.0).await?))
    }

    /// Delete a post
    ///
    /// Deleted posts can be restored, with their comments, for 30 days (`trash_retention_days`). Until the post is
    /// purged, its slugs remain reserved.
    #[oai(path = "/:post", method = "delete", operation_id = "postsDelete")]
    async fn delete(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<UpdateErrors>> {
        self.0.delete(&caller, post.0, if_match.0).await?;
        Ok(NoContent::new())
    }

    /// Restore a deleted post
    ///
    /// The post gets back its comments and its state at deletion, published or draft, without its schedule. A
    /// post that is not deleted is returned unchanged.
    #[oai(path = "/:post/restore", method = "post", operation_id = "postsRestore")]
    async fn restore(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
    ) -> Result<ActionResponse<Post>, ApiError<(NotFound, Forbidden)>> {
        Ok(ActionResponse::new(self.0.restore(&caller, post.0).await?))
    }

    /// Create a preview link for a post
    ///
    /// Anyone with the link can read this post, draft or not, for three days and without authentication. The link
    /// ends earlier if the links of the post are deleted, the post is deleted, or its creator's account is deleted,
    /// is disabled, gets a lower role or gets a new password from an admin.
    #[oai(path = "/:post/preview", method = "post", operation_id = "postsCreatePreview")]
    async fn create_preview(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
    ) -> Result<CreateResponse<PreviewLink>, ApiError<(NotFound, Forbidden)>> {
        Ok(CreateResponse::new(Outcome::New(self.0.create_preview(&caller, post.0).await?)))
    }

    /// Delete all preview links of a post
    ///
    /// Requests with a deleted link get 404, as for a post that does not exist.
    #[oai(path = "/:post/preview", method = "delete", operation_id = "postsDeletePreviews")]
    async fn delete_previews(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
    ) -> Result<NoContent, ApiError<(NotFound, Forbidden)>> {
        self.0.delete_previews(&caller, post.0).await?;
        Ok(NoContent::new())
    }
}
