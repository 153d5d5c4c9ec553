//! Deleted posts: restorable during the retention period, then purged.
use entity::{post, post_slug};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Select};
use uuid::Uuid;

use super::{
    events,
    key::PostKey,
    list::{load_full, load_locked, visible_to},
    service::{Posts, check_owner, write_changes},
    types::Post,
};
use crate::{
    http::{
        auth::{Ownership, Principal, RESTRICTED},
        problem::{Error, Result},
    },
    resources::{
        accounts::active::lock_active,
        content::{
            revisions::{Change, store_revisions},
            trash::PURGE_BATCH,
        },
    },
};

/// Returns a query for the posts deleted after `since` that the caller can restore.
pub(super) fn in_trash(viewer: Option<&Principal>, since: i64) -> Select<post::Entity> {
    let find = post::Entity::find().filter(post::Column::DeletedAt.gt(since));
    if viewer.is_some_and(|viewer| viewer.role.is_editor()) {
        return find;
    }
    match viewer.and_then(|viewer| viewer.as_owner(Ownership::Content)) {
        Some(author) => find.filter(post::Column::AuthorId.eq(author)),
        None => find.filter(post::Column::Id.is_in(Vec::<Uuid>::new())),
    }
}

impl Posts {
    /// Restores a deleted post. Has no effect on a post that is not deleted.
    pub async fn restore(&self, caller: &Principal, key: PostKey) -> Result<Post> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let since = self.trash.cutoff(now);
        self.db
            .write(async move |tx| {
                lock_active(&tx, &caller).await?;
                let find = in_trash(Some(&caller), since).filter(key.matches());
                let Some(mut post) = load_locked(&tx, find).await? else {
                    let post = load_full(&*tx, visible_to(Some(&caller)).filter(key.matches())).await?;
                    let post = post.ok_or(Error::NotFound("post"))?;
                    check_owner(&caller, post.row.author_id)?;
                    return Ok(post.into());
                };
                let before = post.row.clone();
                post.row.deleted_at = None;
                post.row.version += 1;
                write_changes(&tx, &before, &post.row).await?;
                let post = Post::from(post);
                events::restored(&tx, &post, now);
                store_revisions(&tx, [post.to_revision(Change::Undeleted, now)?.changed_by(&caller)]).await?;
                tx.touch(if post.published { "posts" } else { RESTRICTED }).await?;
                Ok(post)
            })
            .await
    }

    /// Purges the posts whose retention period has ended, with all dependent rows. Their slugs become
    /// available.
    ///
    /// Works in batches, because one long transaction would block other writers.
    pub async fn purge(&self) -> Result<()> {
        let since = self.trash.cutoff(self.clock.now());
        loop {
            let purged = self
                .db
                .write(async move |tx| {
                    let expired = post::Entity::find().filter(post::Column::DeletedAt.lte(since));
                    let expired = expired.select_only().column(post::Column::Id).limit(PURGE_BATCH);
                    let expired: Vec<Uuid> = expired.lock_exclusive().into_tuple().all(&*tx).await?;
                    if expired.is_empty() {
                        return Ok(0);
                    }
                    let slugs = post_slug::Column::PostId.is_in(expired.iter().copied());
                    post_slug::Entity::delete_many().filter(slugs).exec(&*tx).await?;
                    let posts = post::Entity::delete_many().filter(post::Column::Id.is_in(expired));
                    let purged = posts.exec(&*tx).await?.rows_affected;
                    tx.touch(RESTRICTED).await?;
                    Ok::<_, Error>(purged)
                })
                .await?;
            if purged < PURGE_BATCH {
                return Ok(());
            }
        }
    }
}
