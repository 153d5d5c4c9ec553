//! What clients can do with comments.
use poem_openapi::OpenApi;

use super::{
    service::Comments,
    types::{Comment, CommentPatch, NewComment, QueueQuery, ThreadQuery},
};
use crate::{
    api::Tag,
    contract::{
        answer::{Changed, Created, Found, Gone, Listed},
        cache::Cache,
        caller::{Caller, Editors, OwnerOrEditors, SignedIn, Viewer},
        id::Id,
        problem::{Conflict, Fault, Invalid, NotFound, Once, Owned, Unauthorized},
        request::{Body, IdempotencyKey, IfMatch, IfNoneMatch, Patch, Path, Query},
    },
    resources::posts::Post,
};

pub struct CommentsApi(pub Comments);

#[OpenApi(prefix_path = "/api", tag = "Tag::Comments")]
impl CommentsApi {
    /// List the comments of a post, oldest first
    ///
    /// Everybody gets approved ones; their authors and editors also those that wait.
    #[oai(path = "/posts/:id/comments", method = "get", operation_id = "commentsListForPost")]
    async fn list_for_post(
        &self,
        viewer: Viewer,
        /// The post's id.
        id: Path<Id<Post>>,
        query: Query<ThreadQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Comment>, Fault<(Invalid, NotFound)>> {
        self.0.there(viewer.0.as_ref(), id.0).await?;
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.thread(viewer.0.as_ref(), id.0, &query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Write a comment
    ///
    /// Comments by editors and by the post's author are seen at once, others when an editor has approved
    /// them. A draft takes no comments (409).
    #[oai(path = "/posts/:id/comments", method = "post", operation_id = "commentsCreate")]
    async fn create(
        &self,
        author: Caller<SignedIn>,
        /// The post's id.
        id: Path<Id<Post>>,
        key: IdempotencyKey,
        new: Body<NewComment>,
    ) -> Result<Created<Comment>, Fault<(Unauthorized, NotFound, Once)>> {
        Ok(Created::new(self.0.create(&author, id.0, new.0, key.0).await?))
    }

    /// List comments of all posts
    ///
    /// The moderators' queue: `status=pending` is what waits.
    #[oai(path = "/comments", method = "get", operation_id = "commentsList")]
    async fn list(
        &self,
        editor: Caller<Editors>,
        query: Query<QueueQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Comment>, Fault<Invalid>> {
        let etag = self.0.list_etag(Some(&editor), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::Private) {
            return Ok(unchanged);
        }
        Ok(Listed::new(self.0.queue(&editor, &query).await?, &etag, &query.target, Cache::Private))
    }

    /// Read a comment
    ///
    /// One that waits or was rejected is there for its author and for editors alone.
    #[oai(path = "/comments/:id", method = "get", operation_id = "commentsRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The comment's id.
        id: Path<Id<Comment>>,
        known: IfNoneMatch,
    ) -> Result<Found<Comment>, Fault<NotFound>> {
        Ok(Found::new(self.0.read(viewer.0.as_ref(), id.0).await?, &known.0))
    }

    /// Change or moderate a comment
    ///
    /// Its author may change what it says for 15 minutes, and what an editor had approved then waits again.
    /// Editors may change both; a comment that is approved no longer takes the replies below out of sight, and
    /// a reply cannot be approved before what it answers (409).
    #[oai(path = "/comments/:id", method = "patch", operation_id = "commentsPatch")]
    async fn patch(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The comment's id.
        id: Path<Id<Comment>>,
        when: IfMatch,
        patch: Patch<CommentPatch>,
    ) -> Result<Changed<Comment>, Fault<(Owned, Conflict)>> {
        Ok(Changed::new(self.0.patch(&caller, id.0, patch.0, when.0).await?))
    }

    /// Delete a comment
    ///
    /// All replies below it go with it.
    #[oai(path = "/comments/:id", method = "delete", operation_id = "commentsRemove")]
    async fn remove(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The comment's id.
        id: Path<Id<Comment>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Owned>> {
        self.0.remove(&caller, id.0, when.0).await?;
        Ok(Gone::new())
    }
}
