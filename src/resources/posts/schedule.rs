//! Posts that are published and taken back by themselves: a job for each, written with what it is to do.
use entity::post;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::service::{Posts, Wish};
use crate::{
    contract::{
        check::ErrorCode,
        patch::Given,
        problem::{Error, Result},
        time::Timestamp,
    },
    ports::{
        db::Tx,
        queue::{Claimed, NewJob},
    },
    resources::revisions::{Change, keep},
};

/// The kind of job that publishes a post or takes it back.
pub const SCHEDULE: &str = "posts.schedule";

/// What such a job is about; when and what, the post says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Due {
    pub post: Uuid,
}

/// What of a schedule a write changes.
#[derive(Default)]
pub(super) struct Schedule {
    pub publish: Given<Timestamp>,
    pub unpublish: Given<Timestamp>,
}

impl Schedule {
    /// This and nothing else.
    pub fn exactly(publish: Option<Timestamp>, unpublish: Option<Timestamp>) -> Self {
        let given = |at: Option<Timestamp>| at.map_or(Given::Null, Given::Value);
        Schedule { publish: given(publish), unpublish: given(unpublish) }
    }

    /// Puts it on a row that is published already as the write wants it, and `was_open` before.
    pub fn put_on(self, row: &mut post::Model, was_open: bool, now: i64) -> Result<()> {
        let given = |at: &Given<Timestamp>| match at {
            Given::Value(at) => Some(at.0),
            _ => None,
        };
        let (publish, unpublish) = (given(&self.publish), given(&self.unpublish));
        for (place, at) in [("#/publishAt", publish), ("#/unpublishAt", unpublish)] {
            if at.is_some_and(|at| at <= now) {
                return Err(Error::at(place, ErrorCode::TooSmall, "must lie in the future"));
            }
        }
        let open = row.published_at > 0;
        if open && publish.is_some() {
            return Err(Error::at(
                "#/publishAt",
                ErrorCode::Conflict,
                "is not for what is published already",
            ));
        }
        let taken_back = was_open && !open;
        let over = |given: Given<Timestamp>, at: Option<i64>| given.over(at.map(Timestamp)).map(|at| at.0);
        row.publish_at = over(self.publish, row.publish_at).filter(|_| !open);
        row.unpublish_at =
            over(self.unpublish, row.unpublish_at).filter(|_| !taken_back || unpublish.is_some());
        if row.publish_at.zip(row.unpublish_at).is_some_and(|(publish, unpublish)| unpublish <= publish) {
            return Err(Error::at("#/unpublishAt", ErrorCode::TooSmall, "must lie behind publishAt"));
        }
        Ok(())
    }
}

/// When something is to be done with the post by itself.
pub(super) fn next(row: &post::Model) -> Option<i64> {
    row.publish_at.into_iter().chain(row.unpublish_at).min()
}

/// Leaves the job, or takes it back; `before` is when there was something to do until now.
pub(super) async fn arrange(
    tx: &Tx,
    post: Uuid,
    before: Option<i64>,
    next: Option<i64>,
    now: i64,
) -> Result<()> {
    let key = format!("{SCHEDULE} {post}");
    match next {
        _ if next == before => {}
        // It is never given up: what was to be published is, however late.
        Some(at) => {
            let job = NewJob::new(SCHEDULE, &Due { post })?.unique(key).at(at).attempts(i32::MAX);
            tx.later(job, now).await?;
        }
        None => tx.not_later(&key).await?,
    }
    Ok(())
}

impl Posts {
    /// Does what is due with a post, and ends the job in the same transaction. What a post is to be is told by its
    /// row alone, so that a job that comes too early, too late or again does no harm.
    pub async fn publish_due(&self, due: Due, job: Claimed) -> Result<()> {
        let (posts, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let find = post::Entity::find_by_id(due.post).filter(post::Column::DeletedAt.is_null());
                let row = find.lock_exclusive().one(&*tx).await?;
                job.finish(&tx, now).await?;
                let Some(row) = row else { return Ok(()) };
                let publish = row.publish_at.filter(|at| *at <= now);
                let unpublish = row.unpublish_at.filter(|at| *at <= now);
                let change = match (publish, unpublish) {
                    (None, None) => return arrange(&tx, row.id, None, next(&row), now).await,
                    (Some(_), None) => Change::Published,
                    (_, Some(_)) => Change::Unpublished,
                };
                let apply = |row: &mut post::Model| {
                    if let Some(at) = publish {
                        row.publish_at = None;
                        row.published_at = at;
                    }
                    if unpublish.is_some() {
                        row.unpublish_at = None;
                        row.published_at = 0;
                    }
                    Wish::default()
                };
                let (post, _) = posts.rewrite(&tx, row, now, apply).await?;
                keep(&tx, [post.written(change, now)?]).await
            })
            .await
    }
}
