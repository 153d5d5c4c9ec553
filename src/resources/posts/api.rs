//! What clients can do with posts.
use poem_openapi::OpenApi;

use super::{
    query::{PostQuery, PreviewQuery},
    service::BySlug,
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
    /// Everybody gets published posts; `status` lets authors and editors ask for the drafts that they may
    /// see. A page past the end is empty, and an unknown tag has no posts.
    #[oai(path = "/", method = "get", operation_id = "postsList")]
    async fn list(
        &self,
        viewer: Viewer,
        query: Query<PostQuery>,
        known: IfNoneMatch,
    ) -> Result<Listed<PostSummary>, Fault<Invalid>> {
        let etag = self.0.list_etag(viewer.0.as_ref(), &query.target).await?;
        if let Some(unchanged) = Listed::unchanged(&etag, &known.0, Cache::PUBLIC) {
            return Ok(unchanged);
        }
        let page = self.0.list(viewer.0.as_ref(), &query).await?;
        Ok(Listed::new(page, &etag, &query.target, Cache::PUBLIC))
    }

    /// Write a post
    ///
    /// The caller is its author. Without `published` it is a draft that only its author and editors see, until
    /// `publishAt` comes if that is given.
    #[oai(path = "/", method = "post", operation_id = "postsCreate")]
    async fn create(
        &self,
        author: Caller<Writers>,
        key: IdempotencyKey,
        new: Body<NewPost>,
    ) -> Result<Created<Post>, Fault<(Invalid, Unauthorized, Once)>> {
        Ok(Created::new(self.0.create(&author, new.0, key.0).await?))
    }

    /// Read a post
    ///
    /// A draft is there for its author, for editors, and for whoever has a preview link.
    #[oai(path = "/:id", method = "get", operation_id = "postsRead")]
    async fn read(
        &self,
        viewer: Viewer,
        /// The post's id.
        id: Path<Id<Post>>,
        query: Query<PreviewQuery>,
        known: IfNoneMatch,
    ) -> Result<Found<Post>, Fault<NotFound>> {
        let post = match &query.preview {
            Some(token) => self.0.previewed(id.0, token).await?,
            None => self.0.read(viewer.0.as_ref(), id.0).await?,
        };
        Ok(Found::new(post, &known.0))
    }

    /// Replace a post
    ///
    /// Members left out are as in a new post; the slug stays unless another one is given.
    #[oai(path = "/:id", method = "put", operation_id = "postsReplace")]
    async fn replace(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        when: IfMatch,
        new: Body<PostReplacement>,
    ) -> Result<Changed<Post>, Fault<(Invalid, Owned, Conflict)>> {
        Ok(Changed::new(self.0.replace(&caller, id.0, new.0, when.0).await?))
    }

    /// Change a post
    ///
    /// A merge patch (RFC 7396): members left out stay as they are, `null` clears.
    #[oai(path = "/:id", method = "patch", operation_id = "postsPatch")]
    async fn patch(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        when: IfMatch,
        patch: Patch<PostPatch>,
    ) -> Result<Changed<Post>, Fault<(Invalid, Owned, Conflict)>> {
        Ok(Changed::new(self.0.patch(&caller, id.0, patch.0, when.0).await?))
    }

    /// Delete a post
    ///
    /// It can be taken out of the trash for 30 days, unless the service is set otherwise, with its comments and its
    /// slugs, which stay taken so long.
    #[oai(path = "/:id", method = "delete", operation_id = "postsRemove")]
    async fn remove(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
        when: IfMatch,
    ) -> Result<Gone, Fault<Owned>> {
        self.0.remove(&caller, id.0, when.0).await?;
        Ok(Gone::new())
    }

    /// Take a post out of the trash
    ///
    /// It is as it was when it was deleted, published or not, with its comments. One that is not in the trash stays
    /// as it is.
    #[oai(path = "/:id/restore", method = "post", operation_id = "postsRestore")]
    async fn restore(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
    ) -> Result<Done<Post>, Fault<(NotFound, Forbidden)>> {
        Ok(Done::new(self.0.restore(&caller, id.0).await?))
    }

    /// Read a post by its slug
    ///
    /// A slug that the post had before leads to the present one.
    #[oai(path = "/slug/:slug", method = "get", operation_id = "postsReadBySlug")]
    async fn read_by_slug(
        &self,
        viewer: Viewer,
        /// The post's slug.
        slug: Path<Slug>,
        known: IfNoneMatch,
    ) -> Result<Or<Found<Post>>, Fault<NotFound>> {
        Ok(match self.0.by_slug(viewer.0.as_ref(), &slug.0.0).await? {
            BySlug::Here(post) => Or::Here(Found::new(*post, &known.0)),
            BySlug::Moved(location) => Or::Moved(location),
        })
    }

    /// Make a link that shows a draft
    ///
    /// Whoever has the link may read this one post for three days, without signing in.
    #[oai(path = "/:id/preview", method = "post", operation_id = "postsPreview")]
    async fn preview(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
    ) -> Result<Created<PreviewLink>, Fault<(NotFound, Forbidden)>> {
        Ok(Created::new(Outcome::Fresh(self.0.preview(&caller, id.0).await?)))
    }

    /// End all links that show a draft
    ///
    /// Whoever still has one gets the same answer as for a post that is not there.
    #[oai(path = "/:id/preview", method = "delete", operation_id = "postsEndPreviews")]
    async fn end_previews(
        &self,
        caller: Caller<OwnerOrEditors>,
        /// The post's id.
        id: Path<Id<Post>>,
    ) -> Result<Gone, Fault<(NotFound, Forbidden)>> {
        self.0.end_previews(&caller, id.0).await?;
        Ok(Gone::new())
    }
}
