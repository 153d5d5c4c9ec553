//! Posts that were deleted: they can be brought back for a while, and then they go for good.
use entity::{post, post_slug};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, Select, Set,
};
use uuid::Uuid;

use super::{
    events,
    list::visible_to,
    service::{Posts, own, reread},
    types::Post,
};
use crate::{
    contract::{
        caller::{HIDDEN, Principal},
        id::Id,
        problem::{Error, Result},
    },
    resources::{
        revisions::{Change, keep},
        trash::AT_ONCE,
    },
};

/// The posts in the trash that this caller may bring back: those deleted since then.
pub(super) fn in_trash(viewer: Option<&Principal>, since: i64) -> Select<post::Entity> {
    let find = post::Entity::find().filter(post::Column::DeletedAt.gt(since));
    match viewer {
        Some(viewer) if viewer.role.edits() => find,
        Some(viewer) => find.filter(post::Column::AuthorId.eq(viewer.user)),
        None => find.filter(post::Column::Id.is_in(Vec::<Uuid>::new())),
    }
}

impl Posts {
    /// Takes a post out of the trash; one that is there stays as it is.
    pub async fn restore(&self, caller: &Principal, id: Id<Post>) -> Result<Post> {
        let (caller, now) = (caller.clone(), self.clock.now());
        let since = self.trash.since(now);
        self.db
            .write(async move |tx| {
                let find = in_trash(Some(&caller), since).filter(post::Column::Id.eq(id.0));
                let Some(row) = find.lock_exclusive().one(&*tx).await? else {
                    let find = visible_to(Some(&caller)).filter(post::Column::Id.eq(id.0));
                    own(&caller, find.one(&*tx).await?)?;
                    return reread(&tx, id.0).await;
                };
                let (version, open) = (row.version + 1, row.published_at > 0);
                let mut row = row.into_active_model();
                row.deleted_at = Set(None);
                row.version = Set(version);
                row.update(&*tx).await?;
                let post = reread(&tx, id.0).await?;
                events::restored(&tx, &post, now);
                keep(&tx, [post.written(Change::Undeleted, now)?.by(&caller)]).await?;
                tx.touch(if open { "posts" } else { HIDDEN }).await?;
                Ok(post)
            })
            .await
    }

    /// Removes what has been in the trash for too long, with all that hangs on it; its slugs are free again.
    pub async fn purge(&self) -> Result<()> {
        let since = self.trash.since(self.clock.now());
        loop {
            let gone = self
                .db
                .write(async move |tx| {
                    let over = post::Entity::find().filter(post::Column::DeletedAt.lte(since));
                    let over = over.select_only().column(post::Column::Id).limit(AT_ONCE);
                    let over: Vec<Uuid> = over.lock_exclusive().into_tuple().all(&*tx).await?;
                    if over.is_empty() {
                        return Ok(0);
                    }
                    let slugs = post_slug::Column::PostId.is_in(over.iter().copied());
                    post_slug::Entity::delete_many().filter(slugs).exec(&*tx).await?;
                    let all = post::Entity::delete_many().filter(post::Column::Id.is_in(over));
                    let gone = all.exec(&*tx).await?.rows_affected;
                    tx.touch(HIDDEN).await?;
                    Ok::<_, Error>(gone)
                })
                .await?;
            if gone < AT_ONCE {
                return Ok(());
            }
        }
    }
}
