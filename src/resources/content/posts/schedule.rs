//! Scheduled publication: each post with a schedule has one job, enqueued in the transaction that sets the
//! schedule.
use entity::{post, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    list::{FullPost, load_locked},
    service::{PostChange, Posts},
};
use crate::{
    domain::{audit::AuditAction, timestamp::Timestamp},
    http::{
        auth::{Ownership, Principal, Role, Via},
        merge_patch::Patch,
        problem::{Error, Result},
    },
    infra::{
        audit_log::NewEntry,
        db::Tx,
        queue::{ClaimedJob, NewJob},
    },
    resources::content::revisions::{Change, store_revisions},
    schema::ErrorCode,
};

/// The kind of the job that publishes or unpublishes a post.
pub const PUBLISH_JOB: &str = "posts.schedule";

/// The data of the job. The post's row holds the times, so the job needs only the id.
#[derive(Debug, Serialize, Deserialize)]
pub struct PublishJob {
    pub post: Uuid,
    /// The account that scheduled the post. Jobs of earlier programs have none: it is the author.
    #[serde(default)]
    pub scheduled_by: Option<Uuid>,
}

/// The changes of a write to the schedule of a post.
#[derive(Default)]
pub(super) struct Schedule {
    pub publish: Patch<Timestamp>,
    pub unpublish: Patch<Timestamp>,
}

impl Schedule {
    /// Validates the schedule and applies it to `row`, whose `published_at` is already the new one.
    /// `was_published` is the state before the write.
    pub fn apply(self, row: &mut post::Model, was_published: bool, now: i64) -> Result<()> {
        let new = |at: &Patch<Timestamp>| match at {
            Patch::Value(at) => Some(at.0),
            _ => None,
        };
        let (publish, unpublish) = (new(&self.publish), new(&self.unpublish));
        let invalid = |pointer, message| Err(Error::invalid_field(pointer, ErrorCode::Invalid, message));
        for (pointer, at) in [("#/publishAt", publish), ("#/unpublishAt", unpublish)] {
            if at.is_some_and(|at| at <= now) {
                return invalid(pointer, "must be in the future");
            }
        }
        if publish.zip(unpublish).is_some_and(|(publish, unpublish)| unpublish <= publish) {
            return invalid("#/unpublishAt", "must be after publishAt");
        }
        let published = row.published_at > 0;
        if published && publish.is_some() {
            return Err(Error::InvalidState("publishAt", "must not be set on a published post"));
        }
        // A post that becomes a draft loses its end date, unless the same write sets a new one.
        let unpublished = was_published && !published;
        let over =
            |given: Patch<Timestamp>, at: Option<i64>| given.apply_to(at.map(Timestamp)).map(|at| at.0);
        row.publish_at = over(self.publish, row.publish_at).filter(|_| !published);
        row.unpublish_at =
            over(self.unpublish, row.unpublish_at).filter(|_| !unpublished || unpublish.is_some());
        if row.publish_at.zip(row.unpublish_at).is_some_and(|(publish, unpublish)| unpublish <= publish) {
            return Err(Error::InvalidState("unpublishAt", "must be after publishAt"));
        }
        Ok(())
    }
}

/// Returns the time of the next scheduled change of the post.
pub(super) fn next_change(row: &post::Model) -> Option<i64> {
    row.publish_at.into_iter().chain(row.unpublish_at).min()
}

/// Enqueues, moves or cancels the job of a post. `before` is the time for which it is enqueued now, and `scheduled_by` the
/// account that changes the schedule.
pub(super) async fn reschedule(
    tx: &Tx,
    post: Uuid,
    before: Option<i64>,
    next: Option<i64>,
    scheduled_by: Option<Uuid>,
    now: i64,
) -> Result<()> {
    let key = format!("{PUBLISH_JOB} {post}");
    match next {
        _ if next == before => {}
        // Unlimited attempts: a scheduled post must be published, however late.
        Some(at) => {
            let job = NewJob::new(PUBLISH_JOB, &PublishJob { post, scheduled_by })?
                .unique_key(key)
                .run_at(at)
                .max_attempts(i32::MAX);
            tx.enqueue(job, now).await?;
        }
        None => tx.cancel(&key).await?,
    }
    Ok(())
}

/// Returns whether an account is active and may publish a post of this author.
async fn may_publish(tx: &Tx, account: Uuid, author: Uuid) -> Result<bool> {
    let active = user::Entity::find_by_id(account).filter(user::Column::Status.eq(user::Status::Active));
    let role: Option<Role> = active.select_only().column(user::Column::Role).into_tuple().one(&**tx).await?;
    let may_edit = |role| {
        let caller = Principal { user: account, role, via: Via::Cli };
        caller.edits(Ownership::Content, author)
    };
    Ok(role.is_some_and(may_edit))
}

impl Posts {
    /// Publishes or unpublishes a post when it is due, and finishes the job in the same transaction.
    ///
    /// Only the row decides what is due. A job that runs early, late or twice is therefore harmless: it
    /// reschedules or does nothing. The post stays a draft if the account that scheduled it may no longer publish it.
    pub async fn publish_due(&self, due: PublishJob, job: ClaimedJob) -> Result<()> {
        let (posts, now) = (self.clone(), self.clock.now());
        self.db
            .write(async move |tx| {
                let find = post::Entity::find_by_id(due.post).filter(post::Column::DeletedAt.is_null());
                let post = load_locked(&tx, find).await?;
                job.finish(&tx, now).await?;
                let Some(post) = post else { return Ok(()) };
                let row = &post.row;
                let publish = row.publish_at.filter(|at| *at <= now);
                let unpublish = row.unpublish_at.filter(|at| *at <= now);
                let change = match (publish, unpublish) {
                    (None, None) => {
                        let next = next_change(row);
                        return reschedule(&tx, row.id, None, next, due.scheduled_by, now).await;
                    }
                    (Some(_), None) => Change::Published,
                    (_, Some(_)) => Change::Unpublished,
                };
                let scheduled_by = due.scheduled_by.unwrap_or(row.author_id);
                if publish.is_some() && !may_publish(&tx, scheduled_by, row.author_id).await? {
                    tx.record(NewEntry::new(AuditAction::PublicationRejected, row.id, now));
                    return posts.withdraw_schedule(&tx, post, now).await;
                }
                let apply = |row: &mut post::Model| {
                    if let Some(at) = publish {
                        row.publish_at = None;
                        row.published_at = at;
                    }
                    if unpublish.is_some() {
                        row.unpublish_at = None;
                        row.published_at = 0;
                    }
                    PostChange::default()
                };
                let (post, _) = posts.write_version(&tx, post, now, apply).await?;
                store_revisions(&tx, [post.to_revision(change, now)?]).await
            })
            .await
    }

    /// Removes the schedule of a locked post, which stays a draft.
    async fn withdraw_schedule(&self, tx: &Tx, post: FullPost, now: i64) -> Result<()> {
        let apply = |row: &mut post::Model| {
            row.publish_at = None;
            row.unpublish_at = None;
            PostChange::default()
        };
        let (post, _) = self.write_version(tx, post, now, apply).await?;
        store_revisions(tx, [post.to_revision(Change::Changed, now)?]).await
    }
}
