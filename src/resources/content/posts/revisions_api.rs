//! HTTP operations on revisions of posts.
use macros::operations;

use super::{
    content::PostRevision,
    key::{PostKey, with_current_slug},
    service::{Lookup, Posts},
    types::Post,
};
use crate::{
    domain::id::Id,
    http::{
        action_response::ActionResponse,
        auth::{Caller, ContentOwnerOrEditors},
        cache_control::CacheControl,
        extract::{IfMatch, IfNoneMatch, Path, Query},
        problem::{ApiError, BadRequest, NotFound, PreconditionFailed, PreconditionRequired},
        response::{GetResponse, ListResponse, OrRedirect},
    },
    resources::content::revisions::{DiffQuery, Revision, RevisionDiff, RevisionQuery},
};

pub struct PostRevisionsApi(pub Posts);

#[operations(prefix_path = "/api/posts", tag = "super::TAG")]
impl PostRevisionsApi {
    /// List the revisions of a post, newest first
    ///
    /// Every write creates a revision; the newest 200 of a post are stored. Callers that cannot edit the post
    /// get 404. A former slug redirects (308).
    #[oai(path = "/:post/revisions", method = "get", operation_id = "postsRevisionsList")]
    async fn list(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        query: Query<RevisionQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<ListResponse<Revision>>, ApiError<(BadRequest, NotFound)>> {
        let id = match self.0.find_id(Some(&caller), &post.0).await? {
            Lookup::Current(id) => id,
            Lookup::Moved(slug) => return Ok(OrRedirect::Redirect(with_current_slug(&query.target, &slug))),
        };
        let page = self.0.revisions(&caller, id, &query).await?;
        Ok(OrRedirect::Body(ListResponse::with_content_etag(
            page,
            &if_none_match.0,
            &query.target,
            CacheControl::Private,
        )))
    }

    /// Get a revision of a post
    ///
    /// The response contains all editable fields of the post in that version.
    #[oai(path = "/:post/revisions/:revision", method = "get", operation_id = "postsRevisionsGet")]
    async fn get(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<PostRevision>>, ApiError<NotFound>> {
        Ok(match self.0.find_id(Some(&caller), &post.0).await? {
            Lookup::Current(id) => {
                let found = self.0.revision(&caller, id, revision.0).await?;
                OrRedirect::Body(GetResponse::new(found, &if_none_match.0))
            }
            Lookup::Moved(slug) => {
                OrRedirect::Redirect(format!("/api/posts/{slug}/revisions/{}", revision.0))
            }
        })
    }

    /// Compare two revisions of a post
    ///
    /// The content is compared line by line, the other fields by value. Without `against`, the previous
    /// revision is used.
    #[oai(path = "/:post/revisions/:revision/diff", method = "get", operation_id = "postsRevisionsDiff")]
    async fn diff(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        query: Query<DiffQuery>,
        if_none_match: IfNoneMatch,
    ) -> Result<OrRedirect<GetResponse<RevisionDiff>>, ApiError<NotFound>> {
        Ok(match self.0.find_id(Some(&caller), &post.0).await? {
            Lookup::Current(id) => {
                let found = self.0.diff(&caller, id, revision.0, query.against).await?;
                OrRedirect::Body(GetResponse::new(found, &if_none_match.0))
            }
            Lookup::Moved(slug) => OrRedirect::Redirect(with_current_slug(&query.target, &slug)),
        })
    }

    /// Restore a revision of a post
    ///
    /// Title, content, excerpt, cover image and tags of the revision are written as a new version. The slug,
    /// the published state and the schedule do not change. If the post already equals the revision, no
    /// version is created.
    #[oai(
        path = "/:post/revisions/:revision/restore",
        method = "post",
        operation_id = "postsRevisionsRestore"
    )]
    async fn restore(
        &self,
        caller: Caller<ContentOwnerOrEditors>,
        /// The id or the slug of the post.
        post: Path<PostKey>,
        /// The id of the revision.
        revision: Path<Id<Revision>>,
        if_match: IfMatch,
    ) -> Result<ActionResponse<Post>, ApiError<(NotFound, PreconditionFailed, PreconditionRequired)>> {
        Ok(ActionResponse::new(self.0.restore_revision(&caller, post.0, revision.0, if_match.0).await?))
    }
}
