//! The state of posts, for resources whose visibility follows that of a post.
use std::collections::HashMap;

use entity::post;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

/// The state of a post that is not deleted.
pub enum PostState {
    Published,
    /// A draft of this author.
    Draft(Uuid),
}

/// Returns the states of these posts. Deleted posts are absent.
pub async fn post_states(
    db: &impl ConnectionTrait,
    ids: Vec<Uuid>,
) -> Result<HashMap<Uuid, PostState>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let columns = [post::Column::Id, post::Column::AuthorId, post::Column::PublishedAt];
    let find = post::Entity::find().filter(post::Column::Id.is_in(ids));
    let find = find.filter(post::Column::DeletedAt.is_null()).select_only().columns(columns);
    let rows: Vec<(Uuid, Uuid, i64)> = find.into_tuple().all(db).await?;
    let state = |(id, author, published_at)| match published_at > 0 {
        true => (id, PostState::Published),
        false => (id, PostState::Draft(author)),
    };
    Ok(rows.into_iter().map(state).collect())
}
