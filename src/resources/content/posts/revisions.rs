//! Revisions of posts, for callers that can edit the post.
use entity::post;
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::{
    content::{PostRevision, PostSnapshot},
    key::PostKey,
    list::visible_to,
    service::{PostChange, Posts, load_for_update},
    types::Post,
};
use crate::{
    domain::id::Id,
    http::{
        auth::{Ownership, Principal},
        etag::Precondition,
        pagination::Page,
        problem::{Error, Result},
    },
    resources::content::revisions::{
        Change, Revision, RevisionDiff, RevisionQuery, StoredRevision, Subject, diff_revisions,
        list_revisions, load_revision, store_revisions,
    },
};

impl Posts {
    pub async fn revisions(
        &self,
        caller: &Principal,
        id: Id<Post>,
        query: &RevisionQuery,
    ) -> Result<Page<Revision>> {
        self.check_can_edit(caller, id).await?;
        list_revisions(self.db.read(), &self.cursors, Subject::Post(id.0), &query.paging).await
    }

    pub async fn revision(
        &self,
        caller: &Principal,
        id: Id<Post>,
        revision: Id<Revision>,
    ) -> Result<PostRevision> {
        self.check_can_edit(caller, id).await?;
        let location = format!("/api/posts/{id}/revisions/{revision}");
        let StoredRevision { revision, content } =
            load_revision(self.db.read(), Subject::Post(id.0), revision).await?;
        Ok(PostRevision { revision, post: content, location })
    }

    pub async fn diff(
        &self,
        caller: &Principal,
        id: Id<Post>,
        revision: Id<Revision>,
        against: Option<Id<Revision>>,
    ) -> Result<RevisionDiff> {
        self.check_can_edit(caller, id).await?;
        let location = format!("/api/posts/{id}/revisions/{revision}/diff");
        diff_revisions::<_, PostSnapshot>(self.db.read(), Subject::Post(id.0), revision, against, location)
            .await
    }

    /// Restores title, content, excerpt, cover image and tags of a revision. The slug, the published state
    /// and the schedule of the post are unchanged.
    pub async fn restore_revision(
        &self,
        caller: &Principal,
        key: PostKey,
        revision: Id<Revision>,
        precondition: Precondition,
    ) -> Result<Post> {
        let (posts, caller, now) = (self.clone(), caller.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                // As in `check_can_edit`: the response must not reveal revisions to readers of the post.
                let post = match load_for_update(&tx, &caller, &key, &precondition).await {
                    Err(Error::Forbidden(_)) => Err(Error::NotFound("post")),
                    loaded => loaded,
                }?;
                let stored: StoredRevision<PostSnapshot> =
                    load_revision(&*tx, Subject::Post(post.row.id), revision).await?;
                let PostSnapshot { title, content, excerpt, cover_image, tags, .. } = stored.content;
                let restore = |row: &mut post::Model| {
                    row.title = title.into();
                    row.content = content.into();
                    row.excerpt = excerpt.map(String::from);
                    row.cover_image = cover_image.map(String::from);
                    PostChange { tags: Some(tags), ..PostChange::default() }
                };
                let (post, changed) = posts.write_version(&tx, post, now, restore).await?;
                if changed {
                    let stored =
                        post.to_revision(Change::Restored, now)?.changed_by(&caller).restored_from(revision);
                    store_revisions(&tx, [stored]).await?;
                }
                Ok(post)
            })
            .await
    }

    /// Rejects callers that cannot edit the post, with 404 instead of 403: revisions can contain text that
    /// was removed from the public post.
    async fn check_can_edit(&self, caller: &Principal, id: Id<Post>) -> Result<()> {
        let find = visible_to(Some(caller)).filter(post::Column::Id.eq(id.0));
        let author: Option<Uuid> =
            find.select_only().column(post::Column::AuthorId).into_tuple().one(self.db.read()).await?;
        match author.is_some_and(|author| caller.edits(Ownership::Content, author)) {
            true => Ok(()),
            false => Err(Error::NotFound("post")),
        }
    }
}
