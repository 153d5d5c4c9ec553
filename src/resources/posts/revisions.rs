//! What posts were: for whoever may write them.
use entity::post;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    content::{PostContent, PostRevision},
    list::visible_to,
    service::{Posts, Wish, held},
    types::Post,
};
use crate::{
    contract::{
        caller::Principal,
        etag::Precondition,
        id::Id,
        page::Page,
        problem::{Error, Result},
    },
    resources::revisions::{
        Change, Past, Revision, RevisionDiff, RevisionQuery, Subject, compared, keep, page, past,
    },
};

impl Posts {
    pub async fn revisions(
        &self,
        caller: &Principal,
        id: Id<Post>,
        query: &RevisionQuery,
    ) -> Result<Page<Revision>> {
        self.writable(caller, id).await?;
        page(self.db.read(), &self.cursors, Subject::Post(id.0), &query.paging).await
    }

    pub async fn revision(
        &self,
        caller: &Principal,
        id: Id<Post>,
        revision: Id<Revision>,
    ) -> Result<PostRevision> {
        self.writable(caller, id).await?;
        let location = format!("/api/posts/{id}/revisions/{revision}");
        let Past { revision, content } = past(self.db.read(), Subject::Post(id.0), revision).await?;
        Ok(PostRevision { revision, post: content, location })
    }

    pub async fn diff(
        &self,
        caller: &Principal,
        id: Id<Post>,
        revision: Id<Revision>,
        against: Option<Id<Revision>>,
    ) -> Result<RevisionDiff> {
        self.writable(caller, id).await?;
        let location = format!("/api/posts/{id}/revisions/{revision}/diff");
        compared::<_, PostContent>(self.db.read(), Subject::Post(id.0), revision, against, location).await
    }

    /// Brings back what a post said. Its address and who may read it stay as they are now.
    pub async fn restore_revision(
        &self,
        caller: &Principal,
        id: Id<Post>,
        revision: Id<Revision>,
        when: Precondition,
    ) -> Result<Post> {
        let (posts, caller, now) = (self.clone(), caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let row = match held(&tx, &caller, id, &when).await {
                    Err(Error::Forbidden(_)) => Err(Error::NotFound("post")),
                    held => held,
                }?;
                let past: Past<PostContent> = past(&*tx, Subject::Post(id.0), revision).await?;
                let PostContent { title, content, excerpt, cover_image, tags, .. } = past.content;
                let back = |row: &mut post::Model| {
                    row.title = title;
                    row.content = content;
                    row.excerpt = excerpt;
                    row.cover_image = cover_image;
                    Wish { tags: Some(tags), ..Wish::default() }
                };
                let (post, changed) = posts.rewrite(&tx, row, now, back).await?;
                if changed {
                    let written = post.written(Change::Restored, now)?.by(&caller).restored_from(revision);
                    keep(&tx, [written]).await?;
                }
                Ok(post)
            })
            .await
    }

    /// Refuses callers who may not write the post as if it were not there: what it was may be what nobody shall
    /// read any more.
    async fn writable(&self, caller: &Principal, id: Id<Post>) -> Result<()> {
        let find = visible_to(Some(caller)).filter(post::Column::Id.eq(id.0));
        let author: Option<Uuid> =
            find.select_only().column(post::Column::AuthorId).into_tuple().one(self.db.read()).await?;
        match author.is_some_and(|author| author == caller.user || caller.role.edits()) {
            true => Ok(()),
            false => Err(Error::NotFound("post")),
        }
    }
}
