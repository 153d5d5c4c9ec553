//! The number of approved comments of a post.
use entity::post;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use crate::{http::problem::Result, infra::db::Tx};

/// Adds `change` to the comment count of the post. The database computes the sum, so that concurrent
/// transactions do not overwrite each other's change.
pub async fn add_to_comment_count(tx: &Tx, post: Uuid, change: i64) -> Result<()> {
    post::Entity::update_many()
        .col_expr(post::Column::CommentsCount, Expr::col(post::Column::CommentsCount).add(change))
        .filter(post::Column::Id.eq(post))
        .exec(&**tx)
        .await?;
    tx.touch("posts").await?;
    tx.touch("comments").await?;
    Ok(())
}
