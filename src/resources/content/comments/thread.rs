//! The thread of a post: depth and visibility of replies, and the number of approved comments.
use entity::{comment, post};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    QueryTrait, Select,
    sea_query::{CommonTableExpression, Expr, ExprTrait, LockType, Query, UnionType, WithClause},
};
use uuid::Uuid;

use super::{
    list::visible_to,
    types::{Comment, CommentStatus, MAX_DEPTH},
};
use crate::{
    domain::id::Id,
    http::{
        auth::Principal,
        problem::{Error, Result},
    },
    infra::db::Tx,
    resources::content::posts::{self, PostKey, add_to_comment_count},
};

const PARENT_NOT_APPROVED: &str = "the parent comment is not approved: approve it first";

/// Locks the thread of a comment until the end of the transaction.
///
/// Without the lock, two concurrent approvals of one comment would count twice, and the count would be wrong
/// for a reply that is written while its parent is deleted. `FOR NO KEY UPDATE` is the weakest lock that
/// excludes other writers of the thread; it still permits inserts of rows that reference the post.
pub(super) async fn lock_thread(tx: &Tx, comment: Select<comment::Entity>) -> Result<()> {
    // SQLite has no row locks: its transaction has the only write lock.
    if tx.get_database_backend() == DbBackend::Postgres {
        let post = comment.select_only().column(comment::Column::PostId).into_query();
        let find = post::Entity::find().select_only().column(post::Column::Id);
        let find = find.filter(post::Column::Id.in_subquery(post)).lock(LockType::NoKeyUpdate);
        find.into_tuple::<Uuid>().one(&**tx).await?;
    }
    Ok(())
}

/// The columns of a post that decide about a new comment.
#[derive(FromQueryResult)]
pub(super) struct LockedPost {
    pub id: Uuid,
    pub author_id: Uuid,
    pub published_at: i64,
}

/// Locks the thread of a post that the author can see, and returns the post.
pub(super) async fn lock_post(tx: &Tx, author: &Principal, key: &PostKey) -> Result<LockedPost> {
    let find = posts::visible_to(Some(author)).filter(key.matches()).lock(LockType::NoKeyUpdate);
    let columns = [post::Column::Id, post::Column::AuthorId, post::Column::PublishedAt];
    let find = find.select_only().columns(columns).into_model::<LockedPost>();
    find.one(&**tx).await?.ok_or(Error::NotFound("post"))
}

/// Returns the depth of a reply to `parent`.
///
/// Rejects a parent of another post and a parent at the maximum depth. For an approved reply, also rejects a
/// parent that is not approved.
pub(super) async fn reply_depth(
    tx: &Tx,
    author: &Principal,
    post: Uuid,
    parent: Id<Comment>,
    status: CommentStatus,
) -> Result<i32> {
    let find = visible_to(Some(author))
        .filter(comment::Column::Id.eq(parent.0))
        .filter(comment::Column::PostId.eq(post));
    let Some(parent) = find.one(&**tx).await? else {
        return Err(Error::InvalidState("parentId", "must be the id of a comment on this post"));
    };
    if status == CommentStatus::Approved && parent.status != status {
        return Err(Error::Conflict(PARENT_NOT_APPROVED));
    }
    match parent.depth < MAX_DEPTH {
        true => Ok(parent.depth + 1),
        false => Err(Error::InvalidState(
            "parentId",
            "must have a depth of at most 4, as threads have 6 levels: reply to one of its ancestors",
        )),
    }
}

/// Updates the comment count of the post when the status of `row` changes to `status`, and hides the replies
/// of a comment that is no longer approved. A reply can be approved only if its parent is approved.
pub(super) async fn apply_status(
    tx: &Tx,
    row: &comment::Model,
    status: CommentStatus,
    now: i64,
) -> Result<()> {
    let approved = CommentStatus::Approved;
    match (row.status == approved, status == approved) {
        (false, true) => {
            let parent = row.parent_id.map(comment::Entity::find_by_id);
            let parent = match parent {
                Some(parent) => parent.one(&**tx).await?,
                None => None,
            };
            if parent.is_some_and(|parent| parent.status != approved) {
                return Err(Error::Conflict(PARENT_NOT_APPROVED));
            }
            add_to_comment_count(tx, row.post_id, 1).await
        }
        (true, false) => {
            add_to_comment_count(tx, row.post_id, -count_approved(tx, row).await?).await?;
            hide_replies(tx, row, now).await
        }
        _ => Ok(()),
    }
}

/// Sets all approved replies in the subtree of `top` to pending, with one update per level.
async fn hide_replies(tx: &Tx, top: &comment::Model, now: i64) -> Result<()> {
    let mut level = vec![top.id];
    for _ in top.depth..MAX_DEPTH {
        let replies = comment::Entity::find().filter(comment::Column::ParentId.is_in(level));
        level = replies.select_only().column(comment::Column::Id).into_tuple().all(&**tx).await?;
        if level.is_empty() {
            break;
        }
        comment::Entity::update_many()
            .col_expr(comment::Column::Status, Expr::val(CommentStatus::Pending))
            .col_expr(comment::Column::Version, Expr::col(comment::Column::Version).add(1))
            .col_expr(comment::Column::UpdatedAt, Expr::val(now))
            .filter(comment::Column::Id.is_in(level.clone()))
            .filter(comment::Column::Status.eq(CommentStatus::Approved))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// Returns the number of approved comments in the subtree of `top`, including `top`.
pub(super) async fn count_approved(tx: &Tx, top: &comment::Model) -> Result<i64> {
    let columns = [comment::Column::Id, comment::Column::Status];
    let replies = Query::select()
        .columns(columns.map(|column| (comment::Entity, column)))
        .from(comment::Entity)
        .inner_join(
            "below",
            Expr::col((comment::Entity, comment::Column::ParentId)).equals(("below", comment::Column::Id)),
        )
        .and_where(comment::Column::PostId.eq(top.post_id))
        .to_owned();
    let subtree = Query::select()
        .columns(columns)
        .from(comment::Entity)
        .and_where(comment::Column::Id.eq(top.id))
        .union(UnionType::All, replies)
        .to_owned();
    let below = CommonTableExpression::new().table_name("below").columns(columns).query(subtree).to_owned();
    let approved = Query::select()
        .expr(Expr::col(comment::Column::Id).count())
        .from("below")
        .and_where(Expr::col(comment::Column::Status).eq(CommentStatus::Approved))
        .to_owned();
    let query = approved.with(WithClause::new().recursive(true).cte(below).to_owned());
    match tx.query_one(&query).await? {
        Some(row) => Ok(row.try_get_by_index(0)?),
        None => Ok(0),
    }
}
