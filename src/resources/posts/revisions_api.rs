//! What clients can do with what posts were.
use poem_openapi::OpenApi;

use super::{content::PostRevision, service::Posts, types::Post};
use crate::{
    api::Tag,
    contract::{
        answer::{Found, Listed},
        cache::Cache,
        caller::{Caller, OwnerOrEditors},
        done::Done,
        id::Id,
        problem::{Fault, Invalid, NotFound, Stale, Unconditional},
        request::{IfMatch, IfNoneMatch, Path, Query},
    },
    resources::revisions::{DiffQuery, Revision, RevisionDiff, RevisionQuery},
};

pub struct PostRevisionsApi(pub Posts);

#[OpenApi(prefix_path = "/api/posts", tag = "Tag::Posts")]
impl PostRevisionsApi {
    /// List the revisions of a post, newest first
    ///
    /// Every write leaves one; the newest 200 are kept. Only whoever may change the post knows of them.
    #[oai(path = "/:id/revisions", method = "get", operation_id = "postsRevisionsList")]
    async fn list(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        query: Query<RevisionQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<Revision>, Fault<(Invalid, NotFound)>> {
        let page = self.0.revisions(&caller, id.0, &query).await?;
        Ok(Listed::fresh(page, &known.0, &query.target, Cache::Private))
    }

    /// Read a revision of a post
    ///
    /// With everything that could be written of the post.
    #[oai(path = "/:id/revisions/:revision", method = "get", operation_id = "postsRevisionsRead")]
    async fn read(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        known: IfNoneMatch,
    ) -> Result<Found<PostRevision>, Fault<NotFound>> {
        Ok(Found::new(self.0.revision(&caller, id.0, revision.0).await?, &known.0))
    }

    /// Compare two revisions of a post
    ///
    /// The text line by line, the other members by value.
    #[oai(path = "/:id/revisions/:revision/diff", method = "get", operation_id = "postsRevisionsDiff")]
    async fn diff(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        query: Query<DiffQuery>,
        known: IfNoneMatch,
    ) -> Result<Found<RevisionDiff>, Fault<NotFound>> {
        Ok(Found::new(self.0.diff(&caller, id.0, revision.0, query.against).await?, &known.0))
    }

    /// Bring back a revision of a post
    ///
    /// Title, text, excerpt, picture and tags are as they were then, in a new version. The slug, and whether
    /// everybody may read the post, stay as they are now. A post that says just that already stays
    /// as it is.
    #[oai(path = "/:id/revisions/:revision/restore", method = "post", operation_id = "postsRevisionsRestore")]
    async fn restore(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        /// The revision's id.
        revision: Path<Id<Revision>>,
        when: IfMatch,
    ) -> Result<Done<Post>, Fault<(NotFound, Stale, Unconditional)>> {
        Ok(Done::new(self.0.restore_revision(&caller, id.0, revision.0, when.0).await?))
    }
}
