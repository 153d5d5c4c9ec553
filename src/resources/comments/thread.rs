//! The thread under a post: where a reply stands in it, and how many of it everybody sees. The only writer of
//! the posts' counts of comments.
use entity::{comment, post};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{CommonTableExpression, Expr, ExprTrait, LockType, Query, UnionType, WithClause},
};
use uuid::Uuid;

use super::{
    list::visible_to,
    types::{Comment, CommentStatus, DEEPEST},
};
use crate::{
    contract::{
        caller::Principal,
        id::Id,
        problem::{Error, Result},
    },
    ports::db::Tx,
    resources::posts::Post,
};

const ABOVE_FIRST: &str = "approve the comment that this one answers first";

/// From here on nobody else writes in the thread of this post: a comment that is judged twice at once must
/// not count twice, and one that is answered while it goes must take the answer along. The weaker lock lets
/// others go on to refer to the post.
pub(super) async fn alone(tx: &Tx, post: Uuid) -> Result<()> {
    let find = post::Entity::find_by_id(post).select_only().column(post::Column::Id);
    find.lock(LockType::NoKeyUpdate).into_tuple::<Uuid>().one(&**tx).await?;
    Ok(())
}

/// How deep a reply to `parent` stands; refused if the parent is of another post, too deep itself, or not seen
/// by everybody while the reply would be.
pub(super) async fn depth_below(
    tx: &Tx,
    author: &Principal,
    post: Id<Post>,
    parent: Id<Comment>,
    status: CommentStatus,
) -> Result<i32> {
    let find = visible_to(Some(author))
        .filter(comment::Column::Id.eq(parent.0))
        .filter(comment::Column::PostId.eq(post.0));
    let Some(parent) = find.one(&**tx).await? else {
        return Err(Error::Unfit("parentId", "names no comment of this post"));
    };
    if status == CommentStatus::Approved && parent.status != status.as_str() {
        return Err(Error::Conflict(ABOVE_FIRST));
    }
    match parent.depth < DEEPEST {
        true => Ok(parent.depth + 1),
        false => Err(Error::Unfit(
            "parentId",
            "stands too deep: a thread is six comments deep, so answer one further up",
        )),
    }
}

/// Adds to the post's count in the database itself, so that writers side by side do not undo each other.
pub(super) async fn count(tx: &Tx, post: Uuid, change: i64) -> Result<()> {
    post::Entity::update_many()
        .col_expr(post::Column::CommentsCount, Expr::col(post::Column::CommentsCount).add(change))
        .filter(post::Column::Id.eq(post))
        .exec(&**tx)
        .await?;
    tx.touch("posts").await?;
    tx.touch("comments").await?;
    Ok(())
}

/// What a new status of a comment does to the thread around it: a reply is seen only below what is seen.
pub(super) async fn judge(tx: &Tx, row: &comment::Model, status: CommentStatus, now: i64) -> Result<()> {
    let approved = CommentStatus::Approved.as_str();
    match (row.status == approved, status == CommentStatus::Approved) {
        (false, true) => {
            let above = row.parent_id.map(comment::Entity::find_by_id);
            let above = match above {
                Some(above) => above.one(&**tx).await?,
                None => None,
            };
            if above.is_some_and(|above| above.status != approved) {
                return Err(Error::Conflict(ABOVE_FIRST));
            }
            count(tx, row.post_id, 1).await
        }
        (true, false) => {
            count(tx, row.post_id, -seen_below(tx, row).await?).await?;
            hide_below(tx, row, now).await
        }
        _ => Ok(()),
    }
}

/// Takes the replies below out of sight, level by level.
async fn hide_below(tx: &Tx, top: &comment::Model, now: i64) -> Result<()> {
    let mut level = vec![top.id];
    for _ in top.depth..DEEPEST {
        let below = comment::Entity::find().filter(comment::Column::ParentId.is_in(level));
        level = below.select_only().column(comment::Column::Id).into_tuple().all(&**tx).await?;
        if level.is_empty() {
            break;
        }
        comment::Entity::update_many()
            .col_expr(comment::Column::Status, Expr::val(CommentStatus::Pending.as_str()))
            .col_expr(comment::Column::Version, Expr::col(comment::Column::Version).add(1))
            .col_expr(comment::Column::UpdatedAt, Expr::val(now))
            .filter(comment::Column::Id.is_in(level.clone()))
            .filter(comment::Column::Status.eq(CommentStatus::Approved.as_str()))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}

/// How many comments that everybody sees go with this one, itself included.
pub(super) async fn seen_below(tx: &Tx, top: &comment::Model) -> Result<i64> {
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
    let all = Query::select()
        .columns(columns)
        .from(comment::Entity)
        .and_where(comment::Column::Id.eq(top.id))
        .union(UnionType::All, replies)
        .to_owned();
    let below = CommonTableExpression::new().table_name("below").columns(columns).query(all).to_owned();
    let seen = Query::select()
        .expr(Expr::col(comment::Column::Id).count())
        .from("below")
        .and_where(Expr::col(comment::Column::Status).eq(CommentStatus::Approved.as_str()))
        .to_owned();
    let counted = seen.with(WithClause::new().recursive(true).cte(below).to_owned());
    match tx.query_one(&counted).await? {
        Some(row) => Ok(row.try_get_by_index(0)?),
        None => Ok(0),
    }
}
