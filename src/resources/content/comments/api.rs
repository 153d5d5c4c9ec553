//! HTTP operations on comments.
use macros::operations;

use super::{
    service::Comments,
    types::{Comment, CommentInput, CommentPatch, CommentQuery, PostCommentQuery},
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Authenticated, Caller, Editors, OptionalAuth, OwnerOrEditors},
        cache_control::CacheControl,
        extract::{IdempotencyKey, IfMatch, IfNoneMatch, JsonBody, MergePatch, Path, Query},
        problem::{ApiError, BadRequest, Conflict, CreateErrors, NotFound, Unauthorized, UpdateErrors},
        response::{CreateResponse, GetResponse, ListResponse, NoContent, OrRedirect, UpdateResponse},
    },
    resources::content::posts::{Lookup, PostKey, with_current_slug},
};

pub struct CommentsApi(pub Comments);

#[operations(prefix_path = "/api", tag = "super::TAG")]
impl CommentsApi {
    /// List the comments of a post, oldest first
    ///
    /// Anonymous callers get approved comments. Signed-in users also get their own pending and rejected
    /// comments, editors get all. A former slug redirects (308).
    #[oai(path = "/posts/:post/comments", method = "get", operation_id = "commentsListForPost")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn list_for_post(
        &self,
        viewer: OptionalAuth,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        query: Query<PostCommentQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<ListResponse<Comment>>, ApiError<(BadRequest, NotFound)>> {
        let viewer = viewer.0.as_ref();
        let id = match self.0.posts.find_id(viewer, &post.0).await? {
            Lookup::Current(id) => id,
            Lookup::Moved(slug) => return Ok(OrRedirect::Redirect(with_current_slug(&query.target, &slug))),
        };
        let version = self.0.list_version(viewer).await?;
        let etag = Comments::list_etag(viewer, version, &query.target);
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::PUBLIC) {
            return Ok(OrRedirect::Body(unchanged));
        }
        let page = self.0.list_for_post(viewer, id, &query, version).await?;
        Ok(OrRedirect::Body(ListResponse::new(page, &etag, &query.target, CacheControl::PUBLIC)))
    }

    /// Create a comment
    ///
    /// Comments by editors and by the author of the post are approved immediately; others are pending until
    /// an editor approves them. Drafts reject comments (409).
    #[oai(path = "/posts/:post/comments", method = "post", operation_id = "commentsCreate")]
    async fn create(
        &self,
        author: Caller<Authenticated>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        key: IdempotencyKey,
        new: JsonBody<CommentInput>,
    ) -> Result<CreateResponse<Comment>, ApiError<(Unauthorized, NotFound, CreateErrors)>> {
        Ok(CreateResponse::new(self.0.create(&author, post.0, new.0, key.0).await?))
    }

    /// List comments of all posts
    ///
    /// The moderation queue. `status=pending` lists the comments that await approval.
    #[oai(path = "/comments", method = "get", operation_id = "commentsList")]
    async fn list(
        &self,
        editor: Caller<Editors>,
        query: Query<CommentQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<ListResponse<Comment>, ApiError<BadRequest>> {
        let version = self.0.list_version(Some(&editor)).await?;
        let etag = Comments::list_etag(Some(&editor), version, &query.target);
        if let Some(unchanged) = ListResponse::not_modified(&etag, &if_none_match.0, CacheControl::Private) {
            return Ok(unchanged);
        }
        Ok(ListResponse::new(
            self.0.list(&editor, &query, version).await?,
            &etag,
            &query.target,
            CacheControl::Private,
        ))
    }

    /// Get a comment
    ///
    /// Only its author and editors get a pending or rejected comment; other callers get 404.
    #[oai(path = "/comments/:id", method = "get", operation_id = "commentsGet")]
    #[operation(cached_by = "super::COLLECTIONS")]
    async fn get(
        &self,
        viewer: OptionalAuth,
        /// The id of the comment.
        id: Path<Id<Comment>>,
        if_none_match: IfNoneMatch,
    ) -> Result<GetResponse<Comment>, ApiError<NotFound>> {
        Ok(GetResponse::new(self.0.get(viewer.0.as_ref(), id.0).await?, &if_none_match.0))
    }

    /// Update or moderate a comment
    ///
    /// A merge patch (RFC 7396). The author can change the content for 15 minutes; the comment is then
    /// pending again, unless the caller is the author of the post. Editors can change content and status at
    /// any time. When an approved comment loses its approval, its approved replies become pending. A reply
    /// can be approved only after its parent (409).
    #[oai(path = "/comments/:id", method = "patch", operation_id = "commentsUpdate")]
    async fn update(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the comment.
        id: Path<Id<Comment>>,
        if_match: IfMatch,
        patch: MergePatch<CommentPatch>,
    ) -> Result<UpdateResponse<Comment>, ApiError<(UpdateErrors, Conflict)>> {
        Ok(UpdateResponse::new(self.0.update(&caller, id.0, patch.0, if_match.0).await?))
    }

    /// Delete a comment
    ///
    /// Deletes the comment with all direct and indirect replies. There is no undo.
    #[oai(path = "/comments/:id", method = "delete", operation_id = "commentsDelete")]
    async fn delete(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The id of the comment.
        id: Path<Id<Comment>>,
        if_match: IfMatch,
    ) -> Result<NoContent, ApiError<UpdateErrors>> {
        self.0.delete(&caller, id.0, if_match.0).await?;
        Ok(NoContent::new())
    }
}
